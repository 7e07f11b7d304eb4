//! Hostile HTTP requests: what is no head, what is too much of one, and what hides behind one (RFC 9112).

use std::io::Write;

use tracker_client::{Announce, Family, http};

use crate::stream::{converse, good_request, open, read_to_end, statuses};
use crate::{PATIENCE, assert_serves, loopback, tracker};

/// Sends each and expects its statuses before the tracker closes.
fn assert_statuses(cases: &[(&[u8], &[u16])]) {
    let tracker = tracker("");
    for (request, expected) in cases {
        let responses = converse(&tracker, request);
        let shown = String::from_utf8_lossy(&request[..request.len().min(200)]).into_owned();
        assert_eq!(statuses(&responses), *expected, "{shown:?}\n{}", String::from_utf8_lossy(&responses));
    }
    assert_serves(&tracker);
}

#[test]
fn a_head_may_come_in_two_parts_split_anywhere() {
    let tracker = tracker("");
    let mut client = http::Client::new(loopback(Family::V4), tracker.http(Family::V4), PATIENCE);
    let request = good_request();
    for split in 1..request.len() {
        client.send(&request[..split]).unwrap();
        client.send(&request[split..]).unwrap();
        assert_eq!(client.read_response(false).map(|response| response.status), Ok(200), "{split}");
    }
    assert_serves(&tracker);
}

#[test]
fn a_head_that_ends_early_is_not_answered_as_if_it_were_whole() {
    let tracker = tracker("");
    let request = good_request();
    for length in 0..request.len() {
        let responses = converse(&tracker, &request[..length]);
        assert!(matches!(statuses(&responses)[..], [] | [400]), "{length}: {}", String::from_utf8_lossy(&responses));
    }
    assert_eq!(statuses(&converse(&tracker, &request)), [200]);
    assert_serves(&tracker);
}

#[test]
fn what_is_no_head_is_refused() {
    assert_statuses(&[
        (b"\r\n\r\n", &[]),
        (b"\0\0\0\0\0\0\0\0\r\n\r\n", &[400]),
        (b"GET\r\n\r\n", &[400]),
        (b"GET /announce\r\n\r\n", &[400]),
        (b"GET /announce \r\n\r\n", &[400]),
        (b"GET  /announce HTTP/1.1\r\n\r\n", &[400]),
        (b"GET /announce HTTP/0.9\r\n\r\n", &[400]),
        (b"GET /announce HTTP/2.0\r\n\r\n", &[400]),
        (b"GET /announce HTTP/1.1.1\r\n\r\n", &[400]),
        (b"GET /announce ICY/1.1\r\n\r\n", &[400]),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &[]),
        (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03 a hello of TLS \r\n\r\n", &[400]),
        (b"GET /announce?\0 HTTP/1.1\r\nHost: t\r\n\r\n", &[400]),
        (b"GET /announce HTTP/1.1\r\nHost: \0\r\n\r\n", &[400]),
        (b"GET /announce HTTP/1.1\r\nHo\0st: t\r\n\r\n", &[400]),
        (b"GET /announce HTTP/1.1\r\nno colon\r\n\r\n", &[400]),
        (b"GET /announce HTTP/1.1\r\n: no name\r\n\r\n", &[400]),
        (b"GET /announce HTTP/1.1\r\nHost : t\r\n\r\n", &[400]),
        (b"GET /announce HTTP/1.1\r\nHost: t\r\n folded\r\n\r\n", &[400]),
        (b"G\xffT /announce HTTP/1.1\r\nHost: t\r\n\r\n", &[400]),
    ]);
}

#[test]
fn odd_requests_get_what_they_ask_for() {
    assert_statuses(&[
        // Line feeds alone end lines too (RFC 9112, section 2.2); nothing else does.
        (b"GET /announce HTTP/1.1\nHost: t\n\n", &[200]),
        (b"GET /announce HTTP/1.1\rHost: t\r\r", &[400]),
        (b"\r\n\r\nGET /announce HTTP/1.1\r\nHost: t\r\n\r\n", &[200]),
        (b"GET http://t/announce HTTP/1.1\r\nHost: t\r\n\r\n", &[200]),
        (b"GET //announce HTTP/1.1\r\nHost: t\r\n\r\n", &[404]),
        (b"GET /announce/../announce HTTP/1.1\r\nHost: t\r\n\r\n", &[404]),
        (b"GET /%61nnounce HTTP/1.1\r\nHost: t\r\n\r\n", &[404]),
        (b"GET announce HTTP/1.1\r\nHost: t\r\n\r\n", &[404]),
        (b"OPTIONS * HTTP/1.1\r\nHost: t\r\n\r\n", &[404]),
        (b"CONNECT t:80 HTTP/1.1\r\nHost: t:80\r\n\r\n", &[404]),
        (b"DELETE /announce HTTP/1.1\r\nHost: t\r\n\r\n", &[405]),
        (b"get /announce HTTP/1.1\r\nHost: t\r\n\r\n", &[405]),
        (b"GET /announce?&&&=&=&%&%%%zz&info_hash=%&info_hash HTTP/1.1\r\nHost: t\r\n\r\n", &[200]),
        (b"GET /announce HTTP/1.1\r\nHost: t\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", &[200]),
        (b"GET /announce HTTP/1.1\r\nHost: t\r\nX-Forwarded-For: \xff, junk,,,\r\n\r\n", &[200]),
    ]);
}

#[test]
fn garbage_behind_a_request_does_not_harm_it() {
    let good = good_request();
    let behind = |garbage: &[u8]| [&good[..], garbage].concat();
    assert_statuses(&[
        (&behind(b"garbage\r\n\r\n"), &[200, 400]),
        (&behind(b"\0\0\0\0"), &[200, 400]),
        (&behind(&[0xff; 100_000]), &[200, 400]),
        (&behind(b"GET"), &[200]),
        (&behind(&good[..good.len() - 1]), &[200]),
        (&behind(&behind(b"GET / HTTP/1.1\r\n\r\n")), &[200, 200, 404]),
        (&good.repeat(200), &[200; 200]),
    ]);
}

#[test]
fn lines_and_headers_have_a_limit() {
    let line = |length: usize| format!("GET /announce?{} HTTP/1.1\r\nHost: t\r\n\r\n", "a".repeat(length)).into_bytes();
    let value = |length: usize| format!("GET /announce HTTP/1.1\r\nHost: {}\r\n\r\n", "t".repeat(length)).into_bytes();
    let name = |length: usize| format!("GET /announce HTTP/1.1\r\n{}: t\r\n\r\n", "n".repeat(length)).into_bytes();
    let lines = |count: usize| format!("GET /announce HTTP/1.1\r\n{}\r\n", "n: v\r\n".repeat(count)).into_bytes();
    assert_statuses(&[
        (&line(16 << 10), &[200]),
        (&line(128 << 10), &[431]),
        (&line(1 << 20), &[431]),
        (&value(16 << 10), &[200]),
        (&value(1 << 20), &[431]),
        (&name(128 << 10), &[431]),
        (&lines(100), &[200]),
        (&lines(101), &[431]),
        (&lines(5_000), &[431]),
        (&lines(1_000_000), &[431]),
        (&[b'A'; 1 << 20], &[431]),
    ]);
}

/// Nothing is ever read out of a body: neither its own bytes, nor what a proxy before us may have taken for a request.
#[test]
fn a_body_is_no_request() {
    let tracker = tracker("");
    let hidden = Announce::new(*b"hidden within a body", 6_881);
    let query = http::announce_query(&hidden);
    let inner = format!("GET /announce?{query} HTTP/1.1\r\nHost: t\r\n\r\n");
    let length = inner.len();
    let bodies = [
        format!("Content-Length: {length}\r\n\r\n{inner}"),
        format!("Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{inner}\r\n0\r\n\r\n"),
        format!("Content-Length: {length}\r\nContent-Length: 0\r\n\r\n{inner}"),
        format!("Content-Length: 0, {length}\r\n\r\n{inner}"),
        format!("Content-Length: +{length}\r\n\r\n{inner}"),
        format!("Content-Length: 18446744073709551616\r\n\r\n{inner}"),
        format!("Content-Length: 1000000\r\n\r\n{inner}"),
        format!("Transfer-Encoding: chunked\r\n\r\nzz\r\n{inner}"),
        format!("Transfer-Encoding: gzip\r\n\r\n{inner}"),
        format!("Expect: 100-continue\r\nContent-Length: {length}\r\n\r\n{inner}"),
    ];
    for (method, body) in
        ["GET", "POST", "HEAD"].iter().flat_map(|method| bodies.iter().map(move |body| (method, body)))
    {
        let request = format!("{method} /announce?{} HTTP/1.1\r\nHost: t\r\n{body}", "info_hash=x");
        let responses = converse(&tracker, request.as_bytes());
        let statuses = statuses(&responses);
        let refused = if *method == "POST" { 405 } else { 200 };
        let fine = [&[][..], &[400], &[refused], &[refused, 400], &[100, refused]];
        assert!(fine.contains(&&statuses[..]), "{statuses:?} to {request:?}");
    }
    let mut client = http::Client::new(loopback(Family::V4), tracker.http(Family::V4), PATIENCE);
    let scraped = client.scrape("/scrape", &[hidden.info_hash]).unwrap();
    assert_eq!((scraped[0].seeders, scraped[0].leechers), (0, 0), "somebody read a request within a body");
    assert_serves(&tracker);
}

/// Lengths and chunks together are what smuggles requests past proxies (RFC 9112, section 11.2).
#[test]
fn a_request_with_two_lengths_is_the_last_of_its_connection() {
    let tracker = tracker("");
    let stream = open(&tracker);
    let both = b"GET /announce HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    (&stream).write_all(&[both, &good_request()[..]].concat()).unwrap();
    let responses = read_to_end(&stream);
    assert!(matches!(statuses(&responses)[..], [] | [400] | [200]), "{}", String::from_utf8_lossy(&responses));
    assert_serves(&tracker);
}
