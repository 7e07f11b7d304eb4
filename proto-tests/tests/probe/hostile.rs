//! Web servers that are no trackers, and whoever would hang a probe, fill its memory or write to its terminal.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::*;

/// Where each connection is answered with this, whatever it asks.
fn web(answer: impl Fn(&mut TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind((LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            // Up to the end of the head: an answer before that might be lost with the connection.
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                if stream.read(&mut byte).unwrap_or(0) == 0 {
                    break;
                }
                head.extend(byte);
            }
            answer(&mut stream);
        }
    });
    url("http", address)
}

/// Where each connection is answered with these bytes.
fn static_web(answer: &[u8]) -> String {
    let answer = answer.to_vec();
    web(move |stream| {
        // It may be gone already.
        let _ = stream.write_all(&answer);
    })
}

fn page(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

#[test]
fn a_web_server_that_is_no_tracker() {
    for (answer, told) in [
        (
            page("200 OK", "<html><body>hello</body></html>"),
            "not a tracker's answer: the body is not bencode (no value begins with its byte 0); \
             it begins with \"<html><body>hello</body></html>\"",
        ),
        (page("200 OK", ""), "not a tracker's answer: the body is not bencode"),
        (page("200 OK", "i1e"), "not a tracker's answer: the body is no bencoded dictionary"),
        (page("200 OK", "d8:intervali60ee"), "not a tracker's answer: a dictionary without `peers`"),
        (page("200 OK", "d8:intervali60e5:peers5:12345e"), "not a tracker's answer: `peers` is no list of peers"),
        (page("404 Not Found", "no"), "not a tracker's answer: status 404 Not Found: is its path right?"),
        (page("503 Service Unavailable", "no"), "not a tracker's answer: status 503 Service Unavailable"),
        (
            page("301 Moved Permanently\r\nLocation: http://127.0.0.1:1/a?info_hash=x", ""),
            "not a tracker's answer: status 301 Moved Permanently, to \"http://127.0.0.1:1/a\": probe that one",
        ),
        (
            page("302 Found\r\nLocation: http://a/\u{9b}31m", ""),
            r#"not a tracker's answer: status 302 Found, to "http://a/\u{9b}31m": probe that one"#,
        ),
        ("SSH-2.0-OpenSSH_9.2\r\n".into(), "not a tracker's answer: not HTTP"),
        (String::new(), "not a tracker's answer: the connection was closed without a reply"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nd".into(), "not a tracker's answer: the body breaks off"),
    ] {
        let told_now = chihaya(&["announce", &static_web(answer.as_bytes())]);
        told_now.assert_failed(told);
        assert!(told_now.took < PATIENCE, "{told_now:?}");
    }
    let told = chihaya(&["scrape", &static_web(page("200 OK", "de").as_bytes()), HASH]);
    told.assert_failed("not a tracker's answer: the body has no `files`");
    let told = chihaya(&["scrape", &static_web(b"").replace("announce", "x"), HASH]);
    told.assert_failed("cannot be scraped: ");
}

#[test]
fn a_reply_has_the_form_that_other_trackers_give_it() {
    let body = "d14:failure reason13:try \x1b[31mlate8:retry ini5ee";
    let told = chihaya(&["announce", &static_web(page("200 OK", body).as_bytes())]);
    told.assert_failed(r#"the tracker refuses: "try \u{1b}[31mlate"; come back in 5 min"#);
    let body = "d8:intervali60e5:peersld2:ip9:127.0.0.14:porti7eed2:ip4:name4:porti8eee10:tracker id1:\x07\
                15:warning message6:busy\r\ne";
    let told = chihaya(&["announce", &static_web(page("200 OK", body).as_bytes())]);
    assert_eq!(told.status, Some(0), "{told:?}");
    assert_eq!((told.values("peers"), told.values("tracker id")), (vec!["2"], vec![r#""\u{7}""#]), "{told:?}");
    assert_eq!(told.values("warning"), [r#""busy\r\n""#]);
    assert!(told.stdout.contains("              127.0.0.1:7\n              and 1 without an address\n"), "{told:?}");
    assert!(!told.stdout.contains(|c: char| c.is_control() && c != '\n'), "{told:?}");
}

#[test]
fn endless_answers_end() {
    let body = web(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(&[b'l'; 4096]).is_ok() {}
    });
    chihaya(&["announce", &body]).assert_failed("not a tracker's answer: a body of more than 1048576 bytes");
    let head = web(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        while stream.write_all(b"X-Header: of more than nothing\r\n").is_ok() {}
    });
    let told = chihaya(&["announce", &head, "--timeout", "5s"]);
    assert_eq!((told.status, told.values("failed").len()), (Some(1), 1), "{told:?}");
    let interim = web(|stream| while stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").is_ok() {});
    let told_interim = chihaya(&["announce", &interim, "--timeout", "1s"]);
    assert_eq!(told_interim.status, Some(1), "{told_interim:?}");
    // Their times, and as much again to be told to let go.
    assert!(told.took < PATIENCE && told_interim.took < Duration::from_secs(10), "{told:?} {told_interim:?}");
    let deep = format!("d8:intervali60e5:peers{}", "l".repeat(1_000_000));
    let told = chihaya(&["announce", &static_web(page("200 OK", &deep).as_bytes())]);
    told.assert_failed(
        "not a tracker's answer: the body is not bencode (its lists and dictionaries are nested too deeply)",
    );
}

#[test]
fn a_byte_now_and_then_is_no_answer() {
    let slow = web(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
        while stream.write_all(b"l").is_ok() {
            // A tracker that takes its time, not a wait of this test's.
            thread::park_timeout(Duration::from_millis(50));
        }
    });
    let told = chihaya(&["announce", &slow, "--timeout", "1s"]);
    told.assert_failed("the answer took longer than 1s");
    assert!(told.took < Duration::from_secs(8), "{told:?}");
}

#[test]
fn a_flood_of_datagrams_that_answer_nothing_ends_in_time() {
    let udp = UdpSocket::bind((LOCALHOST, 0)).unwrap();
    let address = udp.local_addr().unwrap();
    let over = Arc::new(AtomicBool::new(false));
    let flood = thread::spawn({
        let over = Arc::clone(&over);
        move || {
            let (_, client) = udp.recv_from(&mut [0; 200]).unwrap();
            while !over.load(Ordering::Relaxed) {
                let _ = udp.send_to(&[0; 16], client);
            }
        }
    });
    let told = chihaya(&["announce", &url("udp", address), "--timeout", "2s"]);
    over.store(true, Ordering::Relaxed);
    flood.join().unwrap();
    told.assert_failed("no answer to ");
    assert!(told.took < Duration::from_secs(8), "{told:?}");
}

#[test]
fn replies_cut_short_are_told_and_whoever_announced_is_taken_out() {
    let udp = UdpSocket::bind((LOCALHOST, 0)).unwrap();
    let address = udp.local_addr().unwrap();
    let answering = thread::spawn(move || {
        let mut request = [0; 200];
        let (_, client) = udp.recv_from(&mut request).unwrap();
        udp.send_to(&[&[0; 4][..], &request[12..16], b"12345678"].concat(), client).unwrap();
        let mut events = Vec::new();
        for _ in 0..2 {
            let (length, client) = udp.recv_from(&mut request).unwrap();
            events.push(request[83]);
            assert_eq!(&request[98..length], b"\x02\x09/announce");
            udp.send_to(&[&[0, 0, 0, 1][..], &request[12..16], b"1234"].concat(), client).unwrap();
        }
        events
    });
    let told = chihaya(&["announce", &url("udp", address)]);
    told.assert_failed("not a tracker's answer: a reply of 12 bytes, too short for its kind");
    assert_eq!(answering.join().unwrap(), [2, 3]);
}
