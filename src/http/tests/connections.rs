use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::*;
use crate::http::connection::converse;

/// RFC 9112, section 9.3.
#[tokio::test]
async fn a_connection_serves_many_requests() {
    let server = Server::start(|_| ()).await;
    let mut client = server.connect().await;
    for port in 1..=5 {
        let reply = client.ask(&announce(port, "")).await;
        assert!(reply.text().contains(&format!("10:incompletei{port}e")));
        assert_eq!(reply.header("connection"), None);
    }
    assert_eq!(server.count(Counter::HttpConnections), 1);
    drop(client);
    server.until_open(0).await;
    assert_eq!(server.count(Counter::Rejected(Rejected::TimeOut)), 0);
}

/// RFC 9112, section 9.3.2: responses come in the order of their requests.
#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = Server::start(|_| ()).await;
    let mut client = server.connect().await;
    let heads: String = (1..=40).map(|port| get(&announce(port, ""))).collect();
    client.send(heads + &get("/x") + &get(SCRAPE)).await;
    for port in 1..=40 {
        let reply = client.response().await.text();
        assert!(reply.contains(&format!("10:incompletei{port}e")), "{reply}");
    }
    assert_eq!(client.response().await.status(), 404);
    assert_eq!(client.response().await.text(), scraped(0, 0, 40));
}

#[tokio::test]
async fn a_head_may_come_in_many_segments() {
    let server = Server::start(|_| ()).await;
    let mut client = server.connect().await;
    client.socket.set_nodelay(true).unwrap();
    for byte in get(SCRAPE).bytes() {
        client.send([byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(client.response().await.text(), scraped(0, 0, 0));
    let (one, more) = (get(SCRAPE), get(SCRAPE) + "GET /sc");
    client.send(one + &more).await;
    client.response().await;
    client.response().await;
    client.send(&get(SCRAPE)["GET /sc".len()..]).await;
    assert_eq!(client.response().await.text(), scraped(0, 0, 0));
}

/// What Enhanced CTorrent sends: no Host, no keep-alive.
#[tokio::test]
async fn http_1_0_is_answered_and_closed() {
    let server = Server::start(|_| ()).await;
    let mut client = server.connect().await;
    let head = "GET /announce?info_hash=Y%18%5B%7E%AB%81%B3%F0%EB%BEL%D5%8A%C4B%13%B1%5D%C6U\
        &peer_id=%2DCD0303%2DW%D7%1F%A8%FE%8E%EE%E1%19%C4%F5%02&port=27309&key=6RPU2QAR&event=started&uploaded=0\
        &downloaded=0&left=50000&compact=1&numwant=100 HTTP/1.0\r\nUser-Agent: Enhanced-CTorrent/dnh3.3.2\r\n\r\n";
    client.send(head).await;
    let response = client.response().await;
    assert!(response.head.starts_with("HTTP/1.0 200 OK\r\n"), "{}", response.head);
    assert!(response.text().ends_with("5:peers0:e"), "{}", response.text());
    client.closed().await;
}

/// What libtorrent sends.
#[tokio::test]
async fn connection_close_closes() {
    let server = Server::start(|_| ()).await;
    let mut client = server.connect().await;
    client.send(get(SCRAPE).replacen("Host", "Connection: close\r\nHost", 1)).await;
    let response = client.response().await;
    assert_eq!((response.status(), response.header("connection")), (200, Some("close")));
    client.closed().await;
}

/// A client may say that it has no more to ask before it has its answer.
#[tokio::test]
async fn a_half_closed_connection_is_answered() {
    let server = Server::start(|_| ()).await;
    let mut client = server.connect().await;
    client.send(get(SCRAPE)).await;
    client.socket.shutdown().await.unwrap();
    assert_eq!(client.response().await.text(), scraped(0, 0, 0));
    client.closed().await;
    server.until_open(0).await;
}

#[tokio::test]
async fn a_body_is_passed_over() {
    let server = Server::start(|_| ()).await;
    let with = |header: &str, body: &str| get(SCRAPE).replacen("Host", &format!("{header}\r\nHost"), 1) + body;
    let mut client = server.connect().await;
    client.send(with("Content-Length: 5", "GET /") + &get(SCRAPE)).await;
    for _ in 0..2 {
        assert_eq!(client.response().await.text(), scraped(0, 0, 0));
    }
    let late = ["Content-Length: 5", "Content-Length: 5\r\nExpect: 100-continue", "Transfer-Encoding: chunked"];
    for header in late {
        let mut client = server.connect().await;
        client.send(with(header, "")).await;
        assert_eq!(client.response().await.text(), scraped(0, 0, 0), "{header}");
        client.closed().await;
    }
}

/// A socket that brings one request and counts what is written.
struct Recorder<'a> {
    request: Vec<u8>,
    writes: &'a mut Vec<usize>,
}

impl AsyncRead for Recorder<'_> {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        buffer.put_slice(&std::mem::take(&mut self.request));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Recorder<'_> {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.writes.push(bytes.len());
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn a_response_is_one_write() {
    let server = Server::start(|_| ()).await;
    let (_shutdown, stopped) = watch::channel(false);
    let mut writes = Vec::new();
    let socket = Recorder { request: get(SCRAPE).into_bytes(), writes: &mut writes };
    converse(socket, server.address.ip(), &server.frontend, &server.counters, stopped).await;
    assert_eq!(writes.len(), 1, "{writes:?}");
    assert!(writes[0] > scraped(0, 0, 0).len());
}

/// hyper forgets what it has not written yet when a connection ends in junk, after a body or once an upgrade was asked for.
#[tokio::test]
async fn a_response_is_whole_whatever_comes_after_its_request() {
    let server = Server::start(|_| ()).await;
    let upgrade = get(SCRAPE).replace("\r\n\r\n", "\r\nUpgrade: h2c\r\n\r\n") + "junk\r\n\r\n";
    let body = get(SCRAPE).replace("\r\n\r\n", "\r\nContent-Length: 5\r\n\r\n") + "hello" + "GET /scr";
    for (asked, last) in [(upgrade, "\r\n\r\n"), (body, scraped(0, 0, 0).as_str())] {
        let (_shutdown, stopped) = watch::channel(false);
        let (mut client, socket) = tokio::io::duplex(8);
        let ask = async {
            client.write_all(asked.as_bytes()).await.unwrap();
            client.shutdown().await.unwrap();
            let mut responses = String::new();
            client.read_to_string(&mut responses).await.unwrap();
            responses
        };
        let answer = converse(socket, server.address.ip(), &server.frontend, &server.counters, stopped);
        let (responses, ()) = tokio::join!(ask, answer);
        assert!(responses.contains(&scraped(0, 0, 0)) && responses.ends_with(last), "{responses}");
    }
}
