//! Connections, once for each family: the variety is in the tests beside the frontend.

use tracker_client::Announce;
use tracker_client::http::percent_encode;

use crate::{FAMILIES, client, counts, torrent, tracker};

/// RFC 9112, section 9.3: many on one, in order, however they are cut into segments, until one says that it is the last.
#[test]
fn a_connection_serves_requests_in_order_until_it_is_closed() {
    let tracker = tracker();
    for family in FAMILIES {
        let mut client = client(&tracker, family);
        let torrent = torrent();
        let request = |port: u16, more: &str| {
            let query = format!("info_hash={torrent}&peer_id=-XX0001-bbbbbbbbbbbb&port={port}");
            format!("GET /announce?{query} HTTP/1.1\r\nHost: tracker.example\r\n{more}\r\n")
        };
        let all: String = (1..10).map(|port| request(port, "")).collect();
        let all = all + "GET /x HTTP/1.1\r\nHost: x\r\n\r\n" + &request(10, "Connection: close\r\n");
        for segment in all.as_bytes().chunks(97) {
            client.send(segment).unwrap();
        }
        for port in 1..10 {
            let response = client.read_response(false).unwrap();
            let body = String::from_utf8_lossy(&response.body).into_owned();
            assert!(response.status == 200 && body.contains(&format!("10:incompletei{port}e")), "{body}");
        }
        assert_eq!(client.read_response(false).unwrap().status, 404);
        assert!(client.read_response(false).unwrap().is_last());
        assert_eq!(client.closed(), Ok(true));
    }
}

/// ctorrent sends no Host.
#[test]
fn http_1_0_is_answered_and_closed() {
    let tracker = tracker();
    for family in FAMILIES {
        let mut client = client(&tracker, family);
        let request = format!("GET /scrape?info_hash={} HTTP/1.0\r\n\r\n", torrent());
        client.send(request.as_bytes()).unwrap();
        assert_eq!(client.read_response(false).unwrap().status, 200);
        assert_eq!(client.closed(), Ok(true));
    }
}

/// RFC 9110, sections 9.3.2 and 15.5.6. Neither may touch a swarm.
#[test]
fn only_get_announces() {
    let tracker = tracker();
    for family in FAMILIES {
        let mut client = client(&tracker, family);
        let torrent = torrent();
        let target = format!("/announce?info_hash={torrent}&peer_id=-XX0001-bbbbbbbbbbbb&port=1");
        assert_eq!(client.request("HEAD", &target).unwrap().status, 200);
        assert_eq!(client.request("POST", &target).unwrap().status, 405);
        assert_eq!(counts(&mut client, &torrent), (0, 0));
        client.get(&target).unwrap();
        assert_eq!(counts(&mut client, &torrent), (0, 1));
    }
}

/// RFC 3986 has no such bytes in a URL; the HTTP library's URLs do not either.
#[test]
fn raw_bytes_beyond_ascii_get_400_and_nothing_worse() {
    let tracker = tracker();
    for family in FAMILIES {
        let mut client = client(&tracker, family);
        let request = [b"GET /announce?info_hash=", &[0xfe; 20][..], b" HTTP/1.1\r\nHost: x\r\n\r\n"].concat();
        client.send(&request).unwrap();
        assert_eq!(client.read_response(false).unwrap().status, 400);
    }
}

/// libtorrent takes a scrape that lacks its torrent for a failure. Escaped, 200 make a line of 14 KB; 16 KiB must do.
#[test]
fn a_scrape_of_200_torrents_is_answered_whole() {
    let tracker = tracker();
    for family in FAMILIES {
        let mut client = client(&tracker, family);
        let torrents: Vec<[u8; 20]> = (0..200).map(|_| rand::random()).collect();
        for torrent in &torrents {
            client.announce("/announce", &Announce::new(*torrent, 1)).unwrap();
        }
        let escaped = torrents.iter().map(|torrent| torrent.iter().map(|byte| format!("%{byte:02x}")).collect());
        let escaped: Vec<String> = escaped.collect();
        let target = format!("/scrape?info_hash={}", escaped.join("&info_hash="));
        let padded = format!("{target}&{}", "x".repeat((16 << 10) - target.len() - "GET & HTTP/1.1".len()));
        for target in [target, padded] {
            let files = tracker_client::http::decode_scrape(&client.get(&target).unwrap().body).unwrap();
            assert_eq!(files.len(), 200);
            assert!(torrents.iter().all(|torrent| files[torrent].leechers == 1), "{}", percent_encode(torrents[0]));
        }
    }
}
