//! Where there is no tracker, or none that can be reached: a clear error each.

use std::thread;

use super::*;

#[test]
fn a_closed_port() {
    for host in [LOCALHOST, LOCALHOST_V6] {
        let address = SocketAddr::new(host, free_port(host));
        for transport in ["udp", "http"] {
            let told = chihaya(&["announce", &url(transport, address)]);
            told.assert_failed("connection refused: nothing listens on that port");
            let told = chihaya(&["scrape", &url(transport, address), HASH]);
            told.assert_failed("connection refused: nothing listens on that port");
        }
    }
}

#[test]
fn a_silent_port_is_asked_again_and_given_up_in_time() {
    let udp = UdpSocket::bind((LOCALHOST, 0)).unwrap();
    let told = chihaya(&["announce", &url("udp", udp.local_addr().unwrap()), "--timeout", "3s"]);
    told.assert_failed("no answer to 2 packets within 3s: nothing serves UDP there, or a firewall drops it");
    udp.set_nonblocking(true).unwrap();
    let packets = (0..10).filter(|_| udp.recv(&mut [0; 100]).is_ok()).count();
    assert_eq!(packets, 2);
    let tcp = TcpListener::bind((LOCALHOST, 0)).unwrap();
    let told = chihaya(&["announce", &url("http", tcp.local_addr().unwrap()), "--timeout", "1s"]);
    told.assert_failed("the answer took longer than 1s");
    assert!(told.took < Duration::from_secs(8), "{told:?}");
}

#[test]
fn the_third_packet_may_be_the_first_to_be_answered() {
    let udp = UdpSocket::bind((LOCALHOST, 0)).unwrap();
    let address = udp.local_addr().unwrap();
    let answering = thread::spawn(move || {
        let mut request = [0; 200];
        for _ in 0..2 {
            udp.recv(&mut request).unwrap();
        }
        // The connect is answered at its third packet; the announce with an error.
        let (_, client) = udp.recv_from(&mut request).unwrap();
        udp.send_to(&[&[0; 4][..], &request[12..16], b"12345678"].concat(), client).unwrap();
        let (_, client) = udp.recv_from(&mut request).unwrap();
        udp.send_to(&[&[0, 0, 0, 3][..], &request[12..16], b"closed\x1b[2J"].concat(), client).unwrap();
    });
    let told = chihaya(&["announce", &url("udp", address)]);
    told.assert_failed(r#"the tracker refuses: "closed\u{1b}[2J""#);
    answering.join().unwrap();
}

#[test]
fn a_family_that_is_named_must_be_there() {
    for (option, address) in [("-6", "udp://127.0.0.1:1/announce"), ("-4", "http://[::1]:1/announce")] {
        let told = chihaya(&["announce", address, option]);
        assert!(told.values("failed")[0].contains(" has no IPv"), "{told:?}");
        assert_eq!(told.status, Some(1));
    }
    let told = chihaya(&["announce", "udp://no-such-host.invalid:1", "--timeout", "5s"]);
    told.assert_failed("cannot look up no-such-host.invalid: ");
}

#[test]
fn what_is_no_url_or_hash_is_refused_with_an_example() {
    for (arguments, told) in [
        (&["announce", "tracker.example:6969"][..], "write a URL like udp://tracker.example:6969/announce"),
        (&["announce", "https://tracker.example/announce"], "https:// is not supported; udp:// and http:// are"),
        (&["announce", "udp://tracker.example/announce"], "name the port"),
        (&["announce", "udp://a:1", "--hash", "12"], "an info hash is 40 hexadecimal digits"),
        (&["announce", "udp://a:1", "--timeout", "5"], "\"5\" is not a time"),
        (&["scrape", "udp://a:1"], "<HASH>..."),
        (&["dns", "a..b"], "not a name"),
    ] {
        let output = Command::new(CHIHAYA).args(arguments).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains(told), "no {told:?} in {text}");
        assert_eq!(output.status.code(), Some(2));
    }
}
