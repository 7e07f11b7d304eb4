//! What surrounds the store: reading requests, checking connection ids, and the whole of the UDP handler.

use std::hint::black_box;

use chihaya::udp::{ConnectionIds, Secret};
use chihaya::wire::udp::Request;
use chihaya_benches::micro::{Crowd, Lap, Mail, Peer, START, Shape, World, client, info_hash, send_connect, timed};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tracker_client::Announce;
use tracker_client::udp::packet;

use crate::Options;
use crate::report::{self, Rounds};
use crate::steady::Scene;

/// The parts of a request that touch no store.
pub(crate) fn parse(options: &Options) {
    report::title(&format!("Around the store, {}", report::family(options.family)));
    let announce = packet::announce(1, 2, &Announce::new(info_hash(3).0, 4), &[]);
    repeat(options, "parse an announce of 98 bytes", || Request::parse(black_box(&announce)).is_ok());
    let connect = packet::connect(1);
    repeat(options, "parse a connect of 16 bytes", || Request::parse(black_box(&connect)).is_ok());
    let ids = ConnectionIds::new(Secret([1; 16]), 3);
    let (client, _) = client(options.family, 1);
    repeat(options, "issue a connection id", || ids.issue(black_box(client)));
    let id = ids.issue(client);
    repeat(options, "accept a connection id", || ids.accept(black_box(client), black_box(id)));
}

fn repeat<T>(options: &Options, name: &str, work: impl Fn() -> T) {
    let mut rounds = Rounds::default();
    let count = options.count(CALLS);
    for _ in 0..options.rounds {
        let lap = timed(|| {
            for _ in 0..count {
                black_box(work());
            }
        });
        rounds.add((lap, count));
    }
    rounds.print(name);
}

/// A mix of requests in batches of 64, from the datagrams that are received to those that are sent.
pub(crate) fn handler(options: &Options) {
    let crowd = options.crowd();
    let scene = Scene::fill(crowd, options.shape(Shape::MEDIUM));
    report::title(&format!("The UDP handler, batches of 64: {}, {}", scene.size(), report::crowd(&crowd)));
    let mut world = World::new(scene.storage);
    for want in &options.wants {
        for (name, announces) in [("connects", 0), ("half connects, half announces", 1), ("announces", 2)] {
            let mut rounds = Rounds::default();
            let mut rng = SmallRng::seed_from_u64(2);
            for _ in 0..options.rounds {
                let mails = options.count(MAILS).next_multiple_of(4);
                let crowd = Crowd { want: *want, ..crowd };
                rounds.add((answer(&mut world, crowd, &scene.peers, announces, mails, &mut rng), mails * 64));
            }
            rounds.print(&format!("{name}, {want} wanted"));
        }
    }
}

/// Of each two requests, so many are announces.
fn answer(world: &mut World, crowd: Crowd, peers: &[Peer], announces: usize, count: u32, rng: &mut SmallRng) -> Lap {
    let mut lap = Lap::default();
    let mut mails = [(); 4].map(|()| Mail::new(64));
    for _ in 0..count / 4 {
        for mail in &mut mails {
            mail.clear();
            for turn in 0..64 {
                let announce = crowd.present(peers[rng.random_range(0..peers.len())]);
                if turn % 2 < announces { world.send(mail, &announce) } else { send_connect(mail, &announce) }
            }
        }
        lap += timed(|| mails.iter_mut().for_each(|mail| world.answer(START, mail)));
        assert!(mails.iter().all(|mail| mail.replies().all(|reply| reply.len() >= 16)), "every request is answered");
    }
    lap
}

/// A round of the functions that take some nanoseconds.
const CALLS: u32 = 2_000_000;

/// A round of the handler, in batches.
const MAILS: u32 = 6_400;
