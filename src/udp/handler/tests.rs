mod amplification;
mod clock;

use rand::SeedableRng;
use rand::rngs::SmallRng;

use super::*;
use crate::clock::{Clock, Now};
use crate::storage::{Answer, Drivers, Environment, Settings};
use crate::tracker::Config;
use crate::udp::Secret;

/// Datagrams in memory, as a transport of the simplest kind.
struct Mail(Vec<(Vec<u8>, usize, SocketAddr, usize)>);

impl Mail {
    fn of(requests: &[(Vec<u8>, &str)]) -> Self {
        let datagram = |(request, source): &(Vec<u8>, &str)| {
            let mut buffer = request.clone();
            buffer.resize(2_048, 0xff);
            (buffer, request.len(), source.parse().unwrap(), 0)
        };
        Self(requests.iter().map(datagram).collect())
    }
}

impl Datagrams for Mail {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn request(&self, index: usize) -> (&[u8], SocketAddr) {
        let (buffer, length, source, _) = &self.0[index];
        (&buffer[..*length], *source)
    }

    fn buffer(&mut self, index: usize) -> &mut [u8] {
        &mut self.0[index].0
    }

    fn reply(&mut self, index: usize, length: usize) {
        self.0[index].3 = length;
    }
}

struct World {
    handler: Handler,
    counters: Arc<Counters>,
    rng: SmallRng,
    now: Now,
}

impl World {
    fn new() -> Self {
        let environment = Environment::new(std::time::Duration::from_secs(3_000), [1; 16], Clock::start());
        let drivers = Drivers::builtin();
        let storage = drivers.find("memory").unwrap().open(&Settings::default(), environment).unwrap();
        let tracker = Arc::new(Tracker::new(storage, Live::new(Config { interval_jitter: 0.0, ..Config::default() })));
        let ids = Arc::new(ArcSwap::from_pointee(ConnectionIds::new(Secret([2; 16]), 3)));
        let counters = Arc::new(Counters::default());
        let handler = Handler::new(tracker, ids, Arc::clone(&counters));
        Self { handler, counters, rng: SmallRng::seed_from_u64(3), now: Now(10_000) }
    }

    /// One batch in, its replies out; empty ones are silence.
    fn exchange(&mut self, requests: &[(Vec<u8>, &str)]) -> Vec<Vec<u8>> {
        let mut mail = Mail::of(requests);
        let mut round = Round::default();
        self.handler.read(&mut mail, &mut round, &mut self.rng);
        let batch = std::mem::take(&mut round.batch);
        let Answer::Ready(batch) = self.handler.tracker.apply(self.now, batch) else { panic!("memory is never late") };
        round.batch = batch;
        self.handler.write(&mut mail, &round, &mut self.rng);
        mail.0.into_iter().map(|(buffer, _, _, reply)| buffer[..reply].to_vec()).collect()
    }

    fn ask(&mut self, request: Vec<u8>, source: &str) -> Vec<u8> {
        self.exchange(&[(request, source)]).remove(0)
    }

    fn connection_id(&mut self, source: &str) -> [u8; 8] {
        let reply = self.ask(CONNECT.to_vec(), source);
        assert_eq!(&reply[..8], b"\0\0\0\0tran");
        reply[8..16].try_into().unwrap()
    }
}

const CONNECT: &[u8; 16] = b"\0\0\x04\x17\x27\x10\x19\x80\0\0\0\0tran";

fn announce(id: [u8; 8], left: u64, event: u32, port: u16) -> Vec<u8> {
    let mut request = [&id[..], b"\0\0\0\x01tran", &[b'h'; 20], &[b'p'; 20], &[0; 8]].concat();
    request.extend(left.to_be_bytes());
    request.extend([0; 8]);
    request.extend(event.to_be_bytes());
    request.extend([0; 8]);
    request.extend((-1_i32).to_be_bytes());
    request.extend(port.to_be_bytes());
    request
}

fn scrape(id: [u8; 8], info_hashes: usize) -> Vec<u8> {
    [&id[..], b"\0\0\0\x02tran", &[b'h'; 20].repeat(info_hashes)].concat()
}

const SEEDER: &str = "192.0.2.1:5000";
const LEECHER: &str = "192.0.2.2:5000";

#[test]
fn a_batch_of_every_kind_is_answered_each_in_its_own_buffer() {
    let mut world = World::new();
    let (seeder, leecher) = (world.connection_id(SEEDER), world.connection_id(LEECHER));
    let replies = world.exchange(&[
        (announce(seeder, 0, 2, 0x1111), SEEDER),
        (CONNECT.to_vec(), LEECHER),
        (b"junk".to_vec(), LEECHER),
        (announce(leecher, 9, 2, 0), LEECHER),
        (scrape(leecher, 2), LEECHER),
        (announce(leecher, 9, 2, 0x2222), LEECHER),
    ]);
    assert_eq!(replies[0], b"\0\0\0\x01tran\0\0\x07\x08\0\0\0\0\0\0\0\x01");
    assert_eq!(replies[1], [b"\0\0\0\0tran", &leecher[..]].concat());
    assert_eq!(replies[2], b"");
    assert_eq!(replies[3], b"\0\0\0\x03traninvalid port");
    assert_eq!(replies[4], b"\0\0\0\x02tran\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0");
    assert_eq!(replies[5], b"\0\0\0\x01tran\0\0\x07\x08\0\0\0\x01\0\0\0\x01\xc0\0\x02\x01\x11\x11");
}

#[test]
fn an_ipv6_source_gets_ipv6_peers_and_a_mapped_one_gets_ipv4_peers() {
    let mut world = World::new();
    for (source, peer) in [("[2001:db8::1]:5", 18), ("[::ffff:192.0.2.9]:5", 6), ("192.0.2.9:5", 6)] {
        let id = world.connection_id(source);
        world.ask(announce(id, 0, 0, 1), source);
        assert_eq!(world.ask(announce(id, 1, 0, 2), source).len(), 20 + peer, "{source}");
        world.ask(announce(id, 0, 3, 1), source);
        world.ask(announce(id, 0, 3, 2), source);
    }
}

#[test]
fn a_bad_id_and_what_is_no_request_get_silence_and_are_counted() {
    let mut world = World::new();
    let id = world.connection_id(SEEDER);
    let bad = |counter, request: Vec<u8>, source, world: &mut World| {
        let before = world.counters.read(counter);
        assert_eq!(world.ask(request, source), b"", "{counter:?}");
        assert_eq!(world.counters.read(counter), before + 1, "{counter:?}");
    };
    bad(Counter::Dropped(Dropped::BadId), announce([0; 8], 0, 0, 1), SEEDER, &mut world);
    bad(Counter::Dropped(Dropped::BadId), announce(id, 0, 0, 1), LEECHER, &mut world);
    bad(Counter::Dropped(Dropped::BadId), announce(id, 0, 0, 0), LEECHER, &mut world);
    bad(Counter::Dropped(Dropped::BadId), scrape(id, 3), LEECHER, &mut world);
    bad(Counter::Dropped(Dropped::Short), CONNECT[..15].to_vec(), SEEDER, &mut world);
    bad(Counter::Dropped(Dropped::Magic), [&[0; 8], &CONNECT[8..]].concat(), SEEDER, &mut world);
    bad(Counter::Dropped(Dropped::Truncated), announce(id, 0, 0, 1)[..97].to_vec(), SEEDER, &mut world);
    bad(Counter::Dropped(Dropped::Action), [&id[..], b"\0\0\0\x03tran"].concat(), SEEDER, &mut world);
    bad(Counter::Dropped(Dropped::Port), CONNECT.to_vec(), "192.0.2.1:0", &mut world);
    bad(Counter::Dropped(Dropped::Address), CONNECT.to_vec(), "224.0.0.1:9", &mut world);
}

#[test]
fn a_scrape_is_answered_for_the_first_74_torrents() {
    let mut world = World::new();
    let id = world.connection_id(SEEDER);
    let lengths = [0, 1, 74, 75, 100].map(|torrents| world.ask(scrape(id, torrents), SEEDER).len());
    assert_eq!(lengths, [8, 20, 896, 896, 896]);
}

#[test]
fn a_full_reply_fits_one_packet_of_its_family() {
    let mut world = World::new();
    world.handler.tracker = Arc::new({
        let environment = Environment::new(std::time::Duration::from_secs(3_000), [1; 16], Clock::start());
        let storage = Drivers::builtin().find("memory").unwrap().open(&Settings::default(), environment).unwrap();
        Tracker::new(storage, Live::new(Config { max_numwant: 1_000, default_numwant: 1_000, ..Config::default() }))
    });
    for (source, length) in [(SEEDER, 20 + 200 * 6), ("[2001:db8::1]:5", 20 + 67 * 18)] {
        let id = world.connection_id(source);
        for port in 1..300 {
            world.ask(announce(id, 1, 2, port), source);
        }
        assert_eq!(world.ask(announce(id, 1, 0, 1), source).len(), length);
    }
}
