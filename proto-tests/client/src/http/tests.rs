//! The client against a scripted tracker on a listener of its own.

use std::{
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpListener},
    sync::mpsc::{self, Receiver},
    thread,
};

use super::*;
use crate::Event;

const TIMEOUT: Duration = Duration::from_secs(5);
const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
const ANNOUNCED: &str = "d8:completei1e10:incompletei0e8:intervali1800e5:peers0:e";

/// Takes one connection after the other; each answers one request with each of its responses, then closes.
///
/// What was asked, and by whom, comes out of the channel, a head at a time.
fn tracker(connections: Vec<Vec<String>>) -> (SocketAddr, Receiver<(SocketAddr, String)>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let (heads, asked) = mpsc::channel();
    thread::spawn(move || {
        for responses in connections {
            let (stream, source) = listener.accept().unwrap();
            stream.set_read_timeout(Some(TIMEOUT)).unwrap();
            let mut reader = BufReader::new(stream);
            for response in responses {
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap() > 0 {}
                heads.send((source, head)).unwrap();
                reader.get_mut().write_all(response.as_bytes()).unwrap();
            }
        }
    });
    (address, asked)
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn client(address: SocketAddr) -> Client {
    Client::new(LOCAL, address, TIMEOUT)
}

#[test]
fn announces_and_scrapes_on_one_connection() {
    let counts = "d8:completei1e10:downloadedi2e10:incompletei3ee";
    let scraped = format!("d5:filesd20:aaaaaaaaaaaaaaaaaaaa{counts}20:bbbbbbbbbbbbbbbbbbbb{counts}ee");
    let (address, asked) = tracker(vec![vec![ok(ANNOUNCED), ok(ANNOUNCED), ok(&scraped)]]);
    let mut client = client(address).header("X-Forwarded-For", "192.0.2.1");
    let announce = Announce::new([b'a'; 20], 6881).event(Event::Started);
    let announced = client.announce("/announce", &announce).unwrap();
    assert_eq!((announced.interval, announced.seeders, announced.leechers), (1800, 1, 0));
    client.announce_with("/announce?k=v", &announce, "compact=0&ip=192.0.2.2").unwrap();
    let each = Scraped { seeders: 1, completed: 2, leechers: 3, downloaders: None };
    assert_eq!(client.scrape("/scrape", &[[b'b'; 20], [b'a'; 20], [b'b'; 20]]), Ok(vec![each; 3]));

    let query = "info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=-TC0001-000000006881&port=6881&uploaded=0&downloaded=0&left=1\
                 &key=00000000&event=started";
    let rest = format!(" HTTP/1.1\r\nHost: {address}\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n");
    let (source, head) = asked.recv().unwrap();
    assert_eq!((source.ip(), head), (LOCAL, format!("GET /announce?{query}&compact=1{rest}")));
    let (same, head) = asked.recv().unwrap();
    assert_eq!((same, head), (source, format!("GET /announce?k=v&{query}&compact=0&ip=192.0.2.2{rest}")));
    let hashes = "info_hash=bbbbbbbbbbbbbbbbbbbb&info_hash=aaaaaaaaaaaaaaaaaaaa&info_hash=bbbbbbbbbbbbbbbbbbbb";
    assert_eq!(asked.recv().unwrap(), (source, format!("GET /scrape?{hashes}{rest}")));
}

#[test]
fn a_scrape_lacks_nothing_and_adds_nothing() {
    let scraped = "d5:filesd20:aaaaaaaaaaaaaaaaaaaad8:completei1e10:downloadedi2e10:incompletei3eeee";
    let (address, _asked) = tracker(vec![vec![ok(scraped), ok(scraped)]]);
    let mut client = client(address);
    assert!(matches!(client.scrape("/scrape", &[[b'a'; 20], [b'b'; 20]]), Err(Failure::Malformed(_))));
    assert!(matches!(client.scrape("/scrape", &[]), Err(Failure::Malformed(_))));
}

#[test]
fn statuses_and_refusals_are_told_apart() {
    let missing = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned();
    let (address, _asked) = tracker(vec![vec![missing, ok("d14:failure reason2:noe")]]);
    let mut client = client(address);
    let announce = Announce::new([0; 20], 1);
    assert_eq!(client.announce("/", &announce), Err(Failure::Status(404)));
    let refused = Failure::Rejected { reason: "no".to_owned(), retry_in: None };
    assert_eq!(client.announce("/announce", &announce), Err(refused));
}

#[test]
fn a_new_connection_follows_the_last_response_of_the_old() {
    let last = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi".to_owned();
    let (address, asked) = tracker(vec![vec![last.clone()], vec![last]]);
    let mut client = client(address);
    for _ in 0..2 {
        let response = client.get("/").unwrap();
        assert_eq!((response.status, &response.body[..]), (200, &b"hi"[..]));
        assert_eq!(client.closed(), Ok(true));
    }
    assert_ne!(asked.recv().unwrap().0, asked.recv().unwrap().0);
}

#[test]
fn pipelined_responses_are_read_one_by_one() {
    let (address, _asked) = tracker(vec![vec![ok("one") + &ok(""), ok("three")]]);
    let mut client = client(address);
    client.send(b"GET /1 HTTP/1.1\r\n").unwrap();
    client.send(b"\r\nGET /2 HTTP/1.1\r\n\r\n").unwrap();
    for body in ["one", "", "three"] {
        assert_eq!(client.read_response(false).unwrap().body, body.as_bytes());
    }
    assert_eq!(client.closed(), Ok(true));
}

#[test]
fn a_response_to_head_has_a_length_and_no_body() {
    let (address, asked) = tracker(vec![vec!["HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n".to_owned()]]);
    let mut client = client(address);
    let response = client.request("HEAD", "/announce").unwrap();
    assert_eq!((response.header("content-length"), response.body.len()), (Some("99"), 0));
    assert!(asked.recv().unwrap().1.starts_with("HEAD /announce HTTP/1.1\r\n"));
}

#[test]
fn a_body_has_its_length_exactly() {
    let (address, _asked) = tracker(vec![vec![ok("de") + "\n"], vec![ok("de") + "\n"], vec![ok("de")]]);
    let mut client = client(address);
    client.get("/").unwrap();
    assert!(matches!(client.closed(), Err(Failure::Malformed(_))));
    client.disconnect();
    client.get("/").unwrap();
    assert!(matches!(client.closed(), Err(Failure::Malformed(_))));
    assert!(matches!(client.get("/"), Err(Failure::Malformed(_))));
    client.disconnect();
    assert_eq!(client.get("/").unwrap().body, b"de");
}

#[test]
fn a_connection_cut_in_the_middle_is_not_a_response() {
    let (address, _asked) = tracker(vec![
        vec!["HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nde".to_owned()],
        vec!["HTTP/1.1 200 OK\r\nContent".to_owned()],
    ]);
    let mut client = client(address);
    assert_eq!(client.get("/"), Err(Failure::Closed));
    client.disconnect();
    assert_eq!(client.get("/"), Err(Failure::Closed));
}

#[test]
fn silence_ends_at_the_time_out() {
    let deaf = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let mut client = Client::new(LOCAL, deaf.local_addr().unwrap(), Duration::from_millis(20));
    assert_eq!(client.get("/"), Err(Failure::Silence));
    assert_eq!(client.closed(), Ok(false));
    assert_eq!(client.local_addr().unwrap().ip(), LOCAL);
    drop(deaf);
    client.disconnect();
    assert_eq!(client.get("/"), Err(Failure::Io(io::ErrorKind::ConnectionRefused)));
}
