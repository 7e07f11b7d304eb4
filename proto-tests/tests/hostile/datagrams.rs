//! Hostile datagrams. Each test sends many at once: what a mark behind them overtakes has been met with silence.

use std::net::Ipv4Addr;

use proto_tests::due::Due;
use proto_tests::source::Source;
use proto_tests::tracker::Tracker;
use rand::rngs::SmallRng;
use rand::{Rng, RngExt, SeedableRng};
use tracker_client::udp::packet;
use tracker_client::{Announce, Event, Family};

use crate::{FAMILIES, assert_serves, loopback, tracker};

const TORRENT: [u8; 20] = *b"a torrent of hostile";

/// Sends all of these from `source`; each must get exactly what is due, and what shows no valid id nothing larger.
#[track_caller]
fn assert_due(source: &mut Source, mut datagrams: Vec<Vec<u8>>) {
    let id = source.id();
    let replies = source.ask(&mut datagrams);
    for (datagram, reply) in datagrams.iter().zip(replies) {
        let due = Due::to(datagram, id);
        assert!(due.is(reply.as_deref(), source.family()), "{due:?} is due to {datagram:02x?}, not {reply:02x?}");
        if due == Due::Connect {
            assert!(reply.is_some_and(|reply| reply.len() == 16 && reply.len() <= datagram.len()));
        }
    }
}

/// The same against a tracker of its own, from both families.
fn assert_due_from_both(datagrams: impl Fn(&Source, &Tracker) -> Vec<Vec<u8>>) {
    let tracker = tracker("");
    for family in FAMILIES {
        let mut source = Source::new(loopback(family), tracker.udp(family));
        let datagrams = datagrams(&source, &tracker);
        assert_due(&mut source, datagrams);
    }
    assert_serves(&tracker);
}

/// One packet of each kind, with everything that may follow it.
fn packets(id: u64) -> [Vec<u8>; 4] {
    let announce = Announce::new(TORRENT, 6_881).event(Event::Started);
    let options = [packet::url_data("/announce?key=value"), vec![1, 9, 3, 0, 0, 0, 0]].concat();
    let connect = [&packet::connect(0)[..], b"and more"].concat();
    let mut unknown = packet::scrape(id, 0, &[TORRENT]);
    unknown[11] = 4;
    [connect, packet::announce(id, 0, &announce, &options), packet::scrape(id, 0, &[TORRENT; 3]), unknown]
}

/// Ids that are not the source's: of nobody, of another client, of another time, of another kind.
fn bad_ids(own: u64, tracker: &Tracker, family: Family) -> Vec<u64> {
    let stranger = match family {
        Family::V4 => Source::new(Ipv4Addr::new(127, 0, 0, 2).into(), tracker.udp(Family::V4)),
        // The loopback is one /64, to which ids of IPv6 belong; those of IPv4 are another client's in any case.
        Family::V6 => Source::new(loopback(Family::V4), tracker.udp(Family::V4)),
    };
    let flipped = (0..64).map(|bit| own ^ (1 << bit));
    let shifted = [own.swap_bytes(), own.rotate_left(32), !own, own.wrapping_add(4)];
    let constants = [0, 1, u64::MAX, packet::PROTOCOL_ID, stranger.id()];
    constants.into_iter().chain(shifted).chain(flipped).collect()
}

#[test]
fn every_truncation_with_a_valid_id_is_answered_only_if_it_is_long_enough() {
    assert_due_from_both(|source, _| packets(source.id()).into_iter().flat_map(prefixes).collect());
}

#[test]
fn every_truncation_with_a_bad_id_gets_silence_or_16_bytes() {
    assert_due_from_both(|source, tracker| {
        let ids = bad_ids(source.id(), tracker, source.family());
        let packets = ids.into_iter().step_by(8).flat_map(packets);
        packets.flat_map(prefixes).collect()
    });
}

#[test]
fn wrong_ids_get_silence() {
    assert_due_from_both(|source, tracker| {
        let ids = bad_ids(source.id(), tracker, source.family());
        let [_, announces, scrapes, _] = [0, 1, 2, 3].map(|kind| ids.iter().map(move |id| packets(*id)[kind].clone()));
        announces.chain(scrapes).collect()
    });
    // That this test can tell: an id is good for any port of its address.
    let tracker = tracker("");
    let one = Source::new(loopback(Family::V4), tracker.udp(Family::V4));
    let mut other = Source::new(loopback(Family::V4), tracker.udp(Family::V4));
    let replies = other.ask(&mut packets(one.id()));
    assert_eq!(replies.iter().map(Option::is_some).collect::<Vec<_>>(), [true, true, true, false]);
}

#[test]
fn a_bad_id_keeps_nobody() {
    let tracker = tracker("");
    for family in FAMILIES {
        let mut source = Source::new(loopback(family), tracker.udp(family));
        let ids = bad_ids(source.id(), &tracker, family);
        let announces = ids.into_iter().map(|id| packet::announce(id, 0, &Announce::new(TORRENT, 6_881), &[]));
        assert_due(&mut source, announces.collect());
        let replies = source.ask(&mut [packet::scrape(source.id(), 0, &[TORRENT])]);
        assert_eq!(replies[0].as_deref().map(|reply| &reply[8..]), Some(&[0; 12][..]));
    }
}

#[test]
fn random_bytes_get_silence() {
    let mut rng = SmallRng::seed_from_u64(1);
    let noise: Vec<_> = (0..2_000).map(|length| bytes(&mut rng, length)).collect();
    assert_due_from_both(|_, _| noise.clone());
}

/// Random bytes behind a valid head: whatever they say, the request is one.
#[test]
fn random_bytes_behind_a_valid_id_are_answered() {
    assert_due_from_both(|source, _| {
        let mut rng = SmallRng::seed_from_u64(2);
        let mut noise = |action: u32| {
            let length = rng.random_range(0..2_000);
            let head = [&source.id().to_be_bytes()[..], &action.to_be_bytes(), &[0; 4]].concat();
            [head, bytes(&mut rng, length)].concat()
        };
        (0..1_500).map(|number| noise(number % 5)).collect()
    });
}

#[test]
fn every_bit_of_a_request_may_flip() {
    assert_due_from_both(|source, _| {
        let flips = |packet: Vec<u8>| {
            (0..packet.len() * 8).map(move |bit| {
                let mut flipped = packet.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                flipped
            })
        };
        packets(source.id()).into_iter().flat_map(flips).collect()
    });
}

/// BEP 41: options that make no sense never fail an announce.
#[test]
fn broken_options_are_passed_over() {
    assert_due_from_both(|source, _| {
        let mut rng = SmallRng::seed_from_u64(3);
        let announce = |options: &[u8]| packet::announce(source.id(), 0, &Announce::new(TORRENT, 6_881), options);
        let two_bytes = (0..=255).flat_map(|kind| [0, 1, 2, 254, 255].map(|length| vec![kind, length]));
        let ends = [&[][..], &[2], &[2, 255], &[1; 1_000], &[2, 0].repeat(700), &[2, 1, 2, 1, 2], &[0xff; 1_800]];
        let noise = (0..500).map(|length| bytes(&mut rng, length));
        let options = two_bytes.chain(ends.map(<[u8]>::to_vec)).chain(noise);
        options.map(|options| announce(&options)).collect()
    });
}

/// The longest datagram the loopback carries is longer than any buffer of the tracker's.
#[test]
fn datagrams_of_any_size_are_survived() {
    assert_due_from_both(|source, _| {
        let long = |packet: &[u8], size: usize| [packet, &vec![0xff; size - packet.len()]].concat();
        let [connect, announce, _, unknown] = packets(source.id());
        let sizes = [1_471, 1_472, 1_473, 2_047, 2_048, 2_049, 4_096];
        let kinds = [&connect, &announce, &unknown];
        let some = sizes.iter().flat_map(|size| kinds.map(|packet| long(packet, *size)));
        some.chain([long(&announce, 65_507), long(&connect, 16_384)]).collect()
    });
}

fn prefixes(packet: Vec<u8>) -> impl Iterator<Item = Vec<u8>> {
    (0..=packet.len()).map(move |length| packet[..length].to_vec())
}

fn bytes(rng: &mut SmallRng, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    rng.fill_bytes(&mut bytes);
    bytes
}
