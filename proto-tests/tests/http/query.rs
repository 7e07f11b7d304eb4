//! What a query may look like (BEP 3, "Trackers").

use tracker_client::http::{Client, percent_encode};

use crate::{FAMILIES, client, counts, text, torrent, tracker};

/// What every announce must bring beside its torrent.
const REST: &str = "&peer_id=-XX0001-bbbbbbbbbbbb&port=6881";

const NEVER: &str = "8:retry in5:nevere";

/// Tells each family's client and a torrent of its own to each case.
fn for_each<T: Copy>(cases: &[T], check: impl Fn(T, &mut Client, &str)) {
    let tracker = tracker();
    for family in FAMILIES {
        let mut client = client(&tracker, family);
        cases.iter().for_each(|case| check(*case, &mut client, &torrent()));
    }
}

/// RFC 3986, section 2.1: digits of either case, and literals for what needs no escape.
#[test]
fn every_spelling_is_the_same_torrent() {
    for_each(&[()], |(), client, _| {
        let mut hash: [u8; 20] = rand::random();
        hash[..4].copy_from_slice(b"aZ~\xab");
        let upper: String = hash.iter().map(|byte| format!("%{byte:02X}")).collect();
        let lower = upper.to_lowercase();
        let mixed = format!("aZ%7e%aB{}", &upper[12..]);
        let literal = percent_encode(hash);
        for (port, spelling) in (1..).zip([&upper, &lower, &mixed, &literal]) {
            let reply =
                text(client, &format!("/announce?info_hash={spelling}&peer_id=-XX0001-bbbbbbbbbbbb&port={port}"));
            assert!(reply.contains(&format!("10:incompletei{port}e")), "{spelling}: {reply}");
        }
    });
}

/// It never stands for a space here: a binary id has as many of one as of the other.
#[test]
fn a_plus_is_a_plus() {
    for_each(&[()], |(), client, _| {
        let rest = percent_encode(rand::random::<[u8; 19]>());
        text(client, &format!("/announce?info_hash=+{rest}{REST}"));
        assert_eq!(counts(client, &format!("%2B{rest}")), (0, 1));
        assert_eq!(counts(client, &format!("%20{rest}")), (0, 0));
    });
}

#[test]
fn an_info_hash_is_20_bytes_once_with_whole_escapes() {
    let a = "a";
    let invalid =
        [a.repeat(19), a.repeat(21), a.repeat(19) + "%", a.repeat(19) + "%4", a.repeat(19) + "%4g", "".into()];
    for_each(&[()], |(), client, torrent| {
        for value in &invalid {
            let failure = format!("d14:failure reason17:invalid info_hash{NEVER}");
            assert_eq!(text(client, &format!("/announce?info_hash={value}{REST}")), failure, "{value}");
            assert_eq!(text(client, &format!("/scrape?info_hash={torrent}&info_hash={value}")), failure, "{value}");
        }
        let missing = format!("d14:failure reason17:missing info_hash{NEVER}");
        for target in [format!("/announce?{}", &REST[1..]), format!("/announce?INFO_HASH={torrent}{REST}")] {
            assert_eq!(text(client, &target), missing);
        }
        let twice = format!("/announce?info_hash={torrent}{REST}&info_hash={torrent}");
        assert_eq!(text(client, &twice), format!("d14:failure reason23:more than one info_hash{NEVER}"));
        assert_eq!(counts(client, torrent), (0, 0));
    });
}

#[test]
fn a_peer_id_and_a_port_are_required() {
    let peer_id = ("missing or invalid peer_id", ["", "&peer_id=", "&peer_id=short", "&peer_id=-XX0001-bbbbbbbbbbbbb"]);
    for_each(&peer_id.1, |parameter, client, torrent| {
        let reply = text(client, &format!("/announce?info_hash={torrent}{parameter}&port=1"));
        assert_eq!(reply, format!("d14:failure reason26:{}{NEVER}", peer_id.0), "{parameter}");
    });
    let ports =
        ["", "&port=", "&port=65536", "&port=-1", "&port=+1", "&port=x", "&Port=1", "&port=99999999999999999999"];
    for_each(&ports, |parameter, client, torrent| {
        let reply = text(client, &format!("/announce?info_hash={torrent}&peer_id=-XX0001-bbbbbbbbbbbb{parameter}"));
        assert_eq!(reply, format!("d14:failure reason23:missing or invalid port{NEVER}"), "{parameter}");
        assert_eq!(counts(client, torrent), (0, 0));
    });
    for_each(&[1, 65535], |port, client, torrent| {
        text(client, &format!("/announce?info_hash={torrent}&peer_id=-XX0001-bbbbbbbbbbbb&port={port}"));
        assert_eq!(counts(client, torrent), (0, 1));
    });
}

/// A client that leaves may have closed its port already.
#[test]
fn port_0_is_refused_unless_the_client_leaves() {
    for_each(&[()], |(), client, torrent| {
        let target = format!("/announce?info_hash={torrent}&peer_id=-XX0001-bbbbbbbbbbbb&port=0");
        assert_eq!(text(client, &target), format!("d14:failure reason12:invalid port{NEVER}"));
        assert!(text(client, &format!("{target}&event=stopped")).starts_with("d8:completei0e"));
        assert_eq!(counts(client, torrent), (0, 0));
    });
}

/// Clients and their users write all of these; aria2's `key` is eight bytes of no encoding.
#[test]
fn what_is_not_asked_for_is_passed_over() {
    let more = [
        "&",
        "&&&",
        "&=&=x",
        "&key",
        "&key=k%B5%B8%BF%5Di%BEl",
        "&key=%zz%&trackerid=%ff%fe",
        "&ip=203.0.113.9&ipv4=203.0.113.9:80&ipv6=[2001:db8::9]:80",
        "&ip=None&ip=tracker.example&ip=",
        "&supportcrypto=1&requirecrypto=1&cryptoport=80&corrupt=0&redundant=0&hide=1&azver=3&no_peer_id=1",
        "&LEFT=0&Event=stopped&NumWant=0",
        "&a=?&b=/announce&c==&d=%",
        "&info_hash2=x&x_info_hash=x",
    ];
    for_each(&more, |more, client, torrent| {
        let seen = client.local_addr().unwrap().ip();
        text(client, &format!("/announce?{more}&info_hash={torrent}{REST}{more}"));
        let reply = client.get(&format!("/announce?info_hash={torrent}&peer_id=-XX0001-bbbbbbbbbbbb&port=2{more}"));
        let announced = tracker_client::http::decode_announce(&reply.unwrap().body).unwrap();
        assert_eq!((announced.leechers, announced.peers), (2, vec![(seen, 6881).into()]), "{more}");
    });
}

/// Not worth losing a peer.
#[test]
fn strange_numbers_refuse_nobody() {
    let leechers = [
        "",
        "left",
        "left=",
        "left=-1",
        "left=+0",
        "left=0x0",
        "left=0.0",
        "left=x",
        "left=1",
        "left=%",
        "left=18446744073709551615",
        "left=18446744073709551616",
        "left=1&uploaded=-1&downloaded=junk",
    ];
    for_each(&leechers, |left, client, torrent| {
        text(client, &format!("/announce?info_hash={torrent}{REST}&{left}"));
        assert_eq!(counts(client, torrent), (0, 1), "{left}");
    });
    let seeders = ["left=0", "left=00", "left=%30", "left=0&uploaded=-1&downloaded=99999999999999999999999&uploaded"];
    for_each(&seeders, |left, client, torrent| {
        text(client, &format!("/announce?info_hash={torrent}{REST}&{left}"));
        assert_eq!(counts(client, torrent), (1, 0), "{left}");
    });
}

/// BEP 3; BEP 21 for `paused`.
#[test]
fn events_are_words_and_unknown_ones_are_none() {
    let downloaders = [
        ("", 1),
        ("&event=", 1),
        ("&event=empty", 1),
        ("&event=started", 1),
        ("&event=Stopped", 1),
        ("&event=x", 1),
        ("&event=paused", 0),
        ("&event=stopped", 0),
        ("&event=%73topped", 0),
    ];
    for_each(&downloaders, |(event, downloaders), client, torrent| {
        text(client, &format!("/announce?info_hash={torrent}{REST}&left=1{event}"));
        let reply = text(client, &format!("/scrape?info_hash={torrent}"));
        assert!(reply.contains(&format!("11:downloadersi{downloaders}e")), "{event}: {reply}");
    });
}

/// The stories ask for numbers; this is for what is none.
#[test]
fn a_strange_numwant_is_left_to_the_tracker() {
    let wishes = [
        ("", 50),
        ("&numwant=", 50),
        ("&numwant=-1", 50),
        ("&numwant=many", 50),
        ("&num_want=1", 50),
        ("&numwant=18446744073709551616", 50),
        ("&numwant=0", 0),
        ("&numwant=1", 1),
        ("&numwant=60", 60),
        ("&numwant=4294967297", 200),
    ];
    let tracker = tracker();
    for family in FAMILIES {
        let (mut client, torrent) = (client(&tracker, family), torrent());
        let target = format!("/announce?info_hash={torrent}&peer_id=-XX0001-bbbbbbbbbbbb&port=");
        (1..=250).for_each(|port| drop(text(&mut client, &format!("{target}{port}&numwant=0"))));
        for (wish, told) in wishes {
            let reply = client.get(&format!("{target}1{wish}")).unwrap();
            assert_eq!(tracker_client::http::decode_announce(&reply.body).unwrap().peers.len(), told, "{wish}");
        }
    }
}
