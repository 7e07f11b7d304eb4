use super::*;

const COUNTS: Counts = Counts { seeders: 3, leechers: 2, downloaders: 1, completed: 4 };
const V4_PEERS: &[u8] = b"\xc0\x00\x02\x01\x1a\xe1\xc0\x00\x02\x02\x00\x50";
const V6_PEER: &[u8] = b"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07\x1a\xe1";

fn announce(requester: &str, v4: &[u8], v6: &[u8], peer_form: PeerForm) -> String {
    let reply = AnnounceReply {
        counts: COUNTS,
        requester: requester.parse().unwrap(),
        interval_seconds: 1800,
        min_interval_seconds: 900,
        peers: PerFamily { v4, v6 },
        peer_form,
    };
    let mut out = Vec::new();
    reply.write(&mut out);
    out.escape_ascii().to_string()
}

/// BEP 3, "Trackers", with BEP 23 for `peers` and BEP 24 for `external ip`.
#[test]
fn an_ipv4_client_is_told_of_ipv4_peers() {
    assert_eq!(
        announce("192.0.2.7", V4_PEERS, b"", PeerForm::Compact),
        concat!(
            r"d8:completei3e10:downloadedi4e11:external ip4:\xc0\x00\x02\x0710:incompletei2e",
            r"8:intervali1800e12:min intervali900e5:peers12:\xc0\x00\x02\x01\x1a\xe1\xc0\x00\x02\x02\x00Pe",
        )
    );
}

/// rTorrent fails without `peers`.
#[test]
fn peers_are_there_even_when_there_are_none() {
    assert!(announce("192.0.2.7", b"", b"", PeerForm::Compact).ends_with("12:min intervali900e5:peers0:e"));
    assert!(announce("192.0.2.7", b"", b"", PeerForm::Dictionaries).ends_with("12:min intervali900e5:peerslee"));
}

/// BEP 7.
#[test]
fn peers6_is_there_for_an_ipv6_client_or_an_ipv6_peer() {
    let both = announce("192.0.2.7", V4_PEERS, V6_PEER, PeerForm::Compact);
    let peers6 = r"6:peers618: \x01\r\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07\x1a\xe1e";
    assert!(both.ends_with(&format!(r"5:peers12:\xc0\x00\x02\x01\x1a\xe1\xc0\x00\x02\x02\x00P{peers6}")), "{both}");
    let none = announce("2001:db8::1", b"", b"", PeerForm::Compact);
    assert!(none.ends_with("5:peers0:6:peers60:e"), "{none}");
    let address = r"11:external ip16: \x01\r\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x0110:incomplete";
    assert!(none.contains(address), "{none}");
}

/// BEP 3, "Trackers", and BEP 7: one list holds both families.
#[test]
fn dictionaries_name_peers_of_both_families() {
    let reply = announce("2001:db8::1", V4_PEERS, V6_PEER, PeerForm::Dictionaries);
    let peers = "5:peersld2:ip9:192.0.2.14:porti6881eed2:ip9:192.0.2.24:porti80eed2:ip11:2001:db8::74:porti6881eeee";
    assert!(reply.ends_with(peers), "{reply}");
}

/// BEP 48, "The tracker's reply"; BEP 21 for `downloaders`.
#[test]
fn a_scrape_reply_lists_files_by_raw_info_hash() {
    let mut out = Vec::new();
    let files = [(InfoHash([b'a'; 20]), COUNTS), (InfoHash([0xff; 20]), Counts::default())];
    ScrapeReply { files, min_request_interval_seconds: 900 }.write(&mut out);
    let expected = [
        b"d5:filesd20:aaaaaaaaaaaaaaaaaaaad8:completei3e10:downloadedi4e11:downloadersi1e10:incompletei2ee20:"
            .as_slice(),
        &[0xff; 20],
        b"d8:completei0e10:downloadedi0e11:downloadersi0e10:incompletei0eee5:flagsd20:min_request_intervali900eee",
    ];
    assert_eq!(out.escape_ascii().to_string(), expected.concat().escape_ascii().to_string());
}

/// BEP 3, "Trackers", and BEP 31.
#[test]
fn a_failure_says_why_and_when_to_try_again() {
    let failure = |retry| {
        let mut out = Vec::new();
        write_failure(&mut out, "no", retry);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(failure(None), "d14:failure reason2:noe");
    assert_eq!(failure(Some(Retry::Never)), "d14:failure reason2:no8:retry in5:nevere");
    assert_eq!(failure(Some(Retry::InMinutes(5))), "d14:failure reason2:no8:retry ini5ee");
}
