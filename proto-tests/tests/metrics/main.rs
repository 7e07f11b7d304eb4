//! What operators are told of a tracker: it is true, to the last packet, and Prometheus understands it.

#![allow(clippy::unwrap_used, reason = "all of it is tests, of which clippy knows the functions marked so alone")]

mod explain;
mod page;
mod prometheus;
mod sums;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use proto_tests::tracker::Tracker;

/// Two workers, a free port of each kind.
const CONFIG: &str = "\
server.workers = 2
udp.listen = [\"127.0.0.1:0\", \"[::1]:0\"]
udp.receive_buffer = \"64KiB\"
http.listen = [\"127.0.0.1:0\", \"[::1]:0\"]
http.max_connections = 64
admin.listen = [\"127.0.0.1:0\"]
";

const LOCALHOST: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

const PATIENCE: Duration = Duration::from_secs(20);

/// What the admin listener answers to a request, head and body.
fn ask(address: SocketAddr, request: &str) -> (String, String) {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    socket.read_to_string(&mut response).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

fn get(address: SocketAddr, path: &str) -> String {
    let (head, body) = ask(address, &format!("GET {path} HTTP/1.1\r\nHost: admin\r\n\r\n"));
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    body
}

/// Every series of a tracker's metrics, as it is spelt, with its value.
fn metrics(tracker: &Tracker) -> BTreeMap<String, f64> {
    let text = get(tracker.admin(), "/metrics");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            (series.to_owned(), value.parse().unwrap())
        })
        .collect()
}
