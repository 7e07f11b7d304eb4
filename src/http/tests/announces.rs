use super::*;
use crate::clock::Now;
use crate::storage::{Answer, Batch, Reply, Totals};

/// BEP 7: a client that can use both families is told of both.
#[tokio::test]
async fn one_reply_carries_both_families() {
    let v4 = Server::start(|_| ()).await;
    let v6 = v4.beside("[::1]:0").await;
    let first = v6.ask(&announce(0x1111, "")).await.text();
    assert!(first.ends_with("5:peers0:6:peers60:e"), "{first}");
    assert!(first.contains(r"11:external ip16:\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x0110:"));
    let second = v4.ask(&announce(0x2222, "")).await.text();
    let v6_peer = r"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x11\x11";
    assert!(second.ends_with(&format!("5:peers0:6:peers618:{v6_peer}e")), "{second}");
    let third = v6.ask(&announce(0x3333, "")).await.text();
    let v4_peer = r#"\x7f\x00\x00\x01\"\""#;
    assert!(third.ends_with(&format!("5:peers6:{v4_peer}6:peers618:{v6_peer}e")), "{third}");
    assert_eq!(v4.ask(SCRAPE).await.text(), scraped(0, 0, 1));
    assert_eq!(v6.ask(SCRAPE).await.text(), scraped(0, 0, 2));
}

/// BEP 3, "Trackers", and BEP 23.
#[tokio::test]
async fn peers_are_dictionaries_for_clients_that_decline_compact_ones() {
    let v4 = Server::start(|_| ()).await;
    let v6 = v4.beside("[::1]:0").await;
    v4.ask(&announce(7001, "")).await;
    v6.ask(&announce(7002, "")).await;
    let reply = v4.ask(&announce(7003, "&compact=0")).await.text();
    assert!(reply.ends_with("5:peersld2:ip9:127.0.0.14:porti7001eed2:ip3:::14:porti7002eeee"), "{reply}");
}

/// BEP 3, "Trackers": `stopped`, even from a client that has closed its port.
#[tokio::test]
async fn a_client_leaves() {
    let server = Server::start(|_| ()).await;
    server.ask(&announce(1, "")).await;
    server.ask(&announce(2, "")).await;
    let reply = server.ask(&announce(2, "&event=stopped")).await.text();
    assert!(reply.contains("10:incompletei1e") && reply.ends_with("5:peers0:e"), "{reply}");
    let reply = server.ask(&announce(0, "&event=stopped")).await.text();
    assert!(reply.contains("10:incompletei1e") && reply.ends_with("5:peers0:e"), "{reply}");
}

#[tokio::test]
async fn a_trusted_proxy_says_who_the_client_is() {
    let server = Server::start(|config| config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]).await;
    let mut client = server.connect().await;
    let replies = [
        ("", r"\x7f\x00\x00\x01"),
        ("X-Forwarded-For: 198.51.100.1, 203.0.113.5\r\n", r"\xcb\x00q\x05"),
        ("X-Forwarded-For: 198.51.100.1\r\nX-FORWARDED-FOR: 203.0.113.5:99, 127.0.0.9\r\n", r"\xcb\x00q\x05"),
    ];
    for (header, address) in replies {
        let head = get(&announce(1, "")).replacen("Host", &format!("{header}Host"), 1);
        client.send(head).await;
        let reply = client.response().await.text();
        assert!(reply.contains(&format!("11:external ip4:{address}10:incomplete")), "{header}: {reply}");
    }
    let failure = "d14:failure reason15:invalid addresse";
    for target in [&announce(1, ""), SCRAPE] {
        client.send(get(target).replacen("Host", "X-Forwarded-For: unknown\r\nHost", 1)).await;
        assert_eq!(client.response().await.text(), failure);
    }
}

#[tokio::test]
async fn nobody_else_is_believed() {
    let server = Server::start(|config| config.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()]).await;
    let mut client = server.connect().await;
    client.send(get(&announce(1, "")).replacen("Host", "X-Forwarded-For: 203.0.113.5\r\nHost", 1)).await;
    let reply = client.response().await.text();
    assert!(reply.contains(r"11:external ip4:\x7f\x00\x00\x01"), "{reply}");
}

/// A store that answers nothing.
struct Broken(Reply);

impl Storage for Broken {
    fn apply(&self, _: Now, mut batch: Batch) -> Answer {
        batch.entries.iter_mut().for_each(|entry| entry.reply = self.0);
        Answer::Ready(batch)
    }

    fn sweep(&self, _: Now) {}

    fn totals(&self) -> Totals {
        Totals::default()
    }
}

/// BEP 31.
#[tokio::test]
async fn a_store_that_fails_is_an_overloaded_tracker() {
    for reply in [Reply::Failed, Reply::Unanswered] {
        let server = Server::over(Arc::new(Broken(reply)), |_| ()).await;
        let failure = "d14:failure reason35:tracker overloaded, try again later8:retry ini5ee";
        for target in [&announce(1, ""), SCRAPE] {
            let response = server.ask(target).await;
            assert_eq!((response.status(), response.text().as_str()), (200, failure));
        }
    }
}
