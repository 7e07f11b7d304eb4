//! What may follow the 98 bytes of an announce (BEP 41).

use tracker_client::udp::packet;
use tracker_client::{Announce, Event};

use crate::{FAMILIES, client, compact, loopback, tracker};

/// One tracker broke every libtorrent client by asking for 98 bytes exactly, once options had come up.
#[test]
fn options_never_fail_an_announce() {
    let tracker = tracker();
    let path = packet::url_data(&format!("/announce?{}", "k=v&".repeat(200)));
    let options: [&[u8]; 16] = [
        b"",
        // What aria2 sends.
        b"\0\0",
        // What libtorrent sends.
        b"\x02\x0d/announce?k=v",
        b"\x02\x04/ann\x02\0\x02\x05ounce\0",
        &path,
        // Nothing to do, to the end.
        &[1; 300],
        b"\x01\x01\x02\x01/\x00",
        // Unknown, with data, with none, with more than there is.
        b"\x07\x03abc\x02\x01/",
        b"\x07\x00\xff\x00",
        b"\x07\xff",
        // Cut short.
        b"\x02",
        b"\x02\x05/ann",
        b"\xff",
        // After the end.
        b"\x00\x02\xff\xff\xff",
        &[0xff; 200],
        &[0; 1000],
    ];
    for family in FAMILIES {
        let mut client = client(&tracker, family);
        let id = client.connect().unwrap();
        for options in options {
            let info_hash = rand::random();
            let seeder = Announce::new(info_hash, 0x1111).left(0);
            let reply = client.exchange(&packet::announce(id, 7, &seeder, options)).unwrap();
            assert_eq!((reply.len(), reply[19]), (20, 1), "{options:02x?}");
            let reply = client.exchange(&packet::announce(id, 7, &Announce::new(info_hash, 2), options)).unwrap();
            assert_eq!(reply[20..], compact(loopback(family), 0x1111), "{options:02x?}");
            let leaves = seeder.event(Event::Stopped);
            assert_eq!(client.announce_with(&leaves, options).unwrap().seeders, 0, "{options:02x?}");
        }
    }
}
