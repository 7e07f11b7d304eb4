use super::*;

/// BEP 3, "Trackers".
#[tokio::test]
async fn an_announce_gets_a_bencoded_dictionary() {
    let server = Server::start(|_| ()).await;
    let response = server.ask(&announce(6881, "&event=started")).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.header("content-type"), Some("text/plain"));
    assert_eq!(response.header("transfer-encoding"), None);
    let body = concat!(
        r"d8:completei0e10:downloadedi0e11:external ip4:\x7f\x00\x00\x0110:incompletei1e",
        "8:intervali1800e12:min intervali900e5:peers0:e",
    );
    assert_eq!(response.text(), body);
    assert_eq!(server.answered(Action::Announce), 1);
}

/// BEP 48.
#[tokio::test]
async fn a_scrape_gets_counts() {
    let server = Server::start(|_| ()).await;
    server.ask(&announce(1, "")).await;
    server.ask(&announce(2, "&left=0&event=completed")).await;
    let response = server.ask(SCRAPE).await;
    assert_eq!((response.status(), response.header("content-type")), (200, Some("text/plain")));
    assert_eq!(response.text(), scraped(1, 1, 1));
    assert_eq!(server.answered(Action::Scrape), 1);
}

/// BEP 3, "Trackers", and BEP 31. Clients do not read the body of another status.
#[tokio::test]
async fn a_failure_has_status_200_too() {
    let server = Server::start(|_| ()).await;
    let failures = [
        ("/announce", "d14:failure reason17:missing info_hash8:retry in5:nevere"),
        ("/announce?info_hash=%zz", "d14:failure reason17:invalid info_hash8:retry in5:nevere"),
        (&announce(0, ""), "d14:failure reason12:invalid port8:retry in5:nevere"),
        ("/scrape", "d14:failure reason17:missing info_hash8:retry in5:nevere"),
    ];
    for (target, body) in failures {
        let response = server.ask(target).await;
        assert_eq!((response.status(), response.header("content-type")), (200, Some("text/plain")));
        assert_eq!(response.text(), body);
    }
    assert_eq!(server.failed(), 4);
    assert_eq!((server.answered(Action::Announce), server.answered(Action::Scrape)), (0, 0));
}

#[tokio::test]
async fn paths_are_those_configured() {
    let server = Server::start(|config| config.announce_path = "/a/b".into()).await;
    assert_eq!(server.ask(&announce(1, "").replace("/announce", "/a/b")).await.status(), 200);
    assert_eq!(server.ask(SCRAPE).await.status(), 200);
    for target in ["/", "/announce", "/a/b/", "/a", "/A/B", "/scrape/x", "/favicon.ico", "//a/b", "/%61/b"] {
        let response = server.ask(target).await;
        assert_eq!((response.status(), response.header("content-length")), (404, Some("0")), "{target}");
    }
}

/// RFC 9112, section 3.2.2: a server must take the whole URL, too.
#[tokio::test]
async fn a_target_may_be_a_whole_url() {
    let server = Server::start(|_| ()).await;
    assert_eq!(server.ask(&format!("http://tracker.example{SCRAPE}")).await.text(), scraped(0, 0, 0));
}

/// RFC 9110, section 9.3.2.
#[tokio::test]
async fn head_gets_headers_and_leaves_the_swarm_alone() {
    let server = Server::start(|_| ()).await;
    let mut client = server.connect().await;
    let statuses = [(announce(1, ""), 200), (SCRAPE.into(), 200), ("/x".into(), 404)];
    for (target, status) in statuses {
        client.send(get(&target).replacen("GET", "HEAD", 1)).await;
        let response = client.response().await;
        assert_eq!((response.status(), response.header("content-length")), (status, None));
        let content_type = (status == 200).then_some("text/plain");
        assert_eq!(response.header("content-type"), content_type);
    }
    assert_eq!(client.ask(SCRAPE).await.text(), scraped(0, 0, 0));
    assert_eq!(server.answered(Action::Announce), 0);
}

/// RFC 9110, section 15.5.6.
#[tokio::test]
async fn other_methods_are_not_allowed() {
    let server = Server::start(|_| ()).await;
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "get", "BREW"] {
        let mut client = server.connect().await;
        client.send(get(&announce(1, "")).replacen("GET", method, 1)).await;
        let response = client.response().await;
        assert_eq!((response.status(), response.header("allow")), (405, Some("GET, HEAD")), "{method}");
    }
    let mut client = server.connect().await;
    client.send("POST /x HTTP/1.1\r\nContent-Length: 3\r\n\r\na=b").await;
    assert_eq!(client.response().await.status(), 404);
    assert_eq!(server.ask(SCRAPE).await.text(), scraped(0, 0, 0));
}

#[tokio::test]
async fn what_is_not_http_gets_400() {
    let server = Server::start(|_| ()).await;
    for head in [
        "hello\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/3.0\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "\x16\x03\x01\x02",
    ] {
        let mut client = server.connect().await;
        client.send(head).await;
        assert_eq!(client.response().await.status(), 400, "{head}");
        client.closed().await;
    }
}

#[tokio::test]
async fn heads_too_large_get_431() {
    let server = Server::start(|_| ()).await;
    let headers = |count: usize| "X: y\r\n".repeat(count);
    let heads = [
        (format!("GET {SCRAPE} HTTP/1.1\r\n{}\r\n", headers(100)), 200),
        (format!("GET {SCRAPE} HTTP/1.1\r\n{}\r\n", headers(101)), 431),
        (format!("GET {SCRAPE} HTTP/1.1\r\nX: {}\r\n\r\n", "y".repeat(30 << 10)), 200),
        (format!("GET {SCRAPE} HTTP/1.1\r\nX: {}", "y".repeat(32 << 10)), 431),
        (format!("GET {SCRAPE}&{}", "y".repeat(32 << 10)), 431),
    ];
    for (head, status) in heads {
        let mut client = server.connect().await;
        client.send(&head).await;
        assert_eq!(client.response().await.status(), status, "{} bytes", head.len());
    }
}

/// BEP 48: several torrents per scrape.
#[tokio::test]
async fn a_scrape_of_200_torrents_is_answered_whole() {
    let server = Server::start(|_| ()).await;
    let hashes: Vec<_> = (0..200).map(|index| format!("info_hash={}%{index:02x}", "%ff".repeat(19))).collect();
    let target = format!("/scrape?{}", hashes.join("&"));
    assert!(target.len() > 14_000);
    let padded = format!("{target}&{}", "x".repeat((16 << 10) - target.len() - 1));
    for target in [target, padded] {
        let text = server.ask(&target).await.text();
        assert_eq!(text.matches("8:completei0e").count(), 200);
    }
}
