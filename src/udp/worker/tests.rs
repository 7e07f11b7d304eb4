use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use arc_swap::ArcSwap;
use rand::SeedableRng;

use super::*;
use crate::clock::Now;
use crate::counters::Counters;
use crate::storage::{Batch, Storage, Totals};
use crate::tracker::{Config, Live, Tracker};
use crate::udp::{ConnectionIds, Secret, bind};
use crate::units::Size;

/// A store through which a client sends its next scrape while its last is being answered: each batch has one datagram,
/// and there is always another batch.
struct Echoing {
    client: std::net::UdpSocket,
    scrape: Vec<u8>,
    left: AtomicU32,
}

impl Storage for Echoing {
    fn apply(&self, _now: Now, batch: Batch) -> Answer {
        if self.left.fetch_sub(1, Ordering::Relaxed) > 1 {
            self.client.send(&self.scrape).unwrap();
        }
        Answer::Ready(batch)
    }

    fn sweep(&self, _now: Now) {}

    fn totals(&self) -> Totals {
        Totals::default()
    }
}

#[tokio::test]
async fn other_tasks_get_their_turn_while_small_batches_never_cease() {
    const SCRAPES: u32 = 5_000;
    let socket = bind((Ipv4Addr::LOCALHOST, 0).into(), Size::mebibytes(1)).unwrap();
    let client = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    client.connect(socket.local_addr().unwrap()).unwrap();
    let ids = ConnectionIds::new(Secret([1; 16]), 3);
    let id = ids.issue(IpAddr::V4(Ipv4Addr::LOCALHOST)).0;
    // BEP 15, "Scrape request".
    let scrape = [&id.to_bytes()[..], b"\0\0\0\x02\0\0\0\x01", &[7; 20]].concat();
    client.send(&scrape).unwrap();
    let store = Arc::new(Echoing { client, scrape, left: AtomicU32::new(SCRAPES) });

    let tracker = Arc::new(Tracker::new(Arc::clone(&store) as Arc<dyn Storage>, Live::new(Config::default())));
    let counters = Arc::new(Counters::default());
    let handler = Handler::new(tracker, Arc::new(ArcSwap::from_pointee(ids)), counters);
    let socket = UdpSocket::from_std(socket).unwrap();
    let worker = Worker::new(socket, handler, Clock::start(), SmallRng::seed_from_u64(1));
    let (_stop, stopping) = watch::channel(false);
    let worker = tokio::spawn(worker.serve(stopping));
    let left = || store.left.load(Ordering::Relaxed);
    while left() == SCRAPES {
        task::yield_now().await;
    }
    assert_ne!(left(), 0, "the worker let nobody else do anything while it was asked");
    worker.abort();
}
