use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use arc_swap::ArcSwap;
use rand::SeedableRng;

use super::*;
use crate::bittorrent::Counts;
use crate::clock::Now;
use crate::counters::Counters;
use crate::storage::fallback::{self, Fallback};
use crate::storage::{Batch, Environment, Reply, Storage, Totals};
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

/// A worker over a store, and a client with an id that it accepts.
struct Trial {
    client: std::net::UdpSocket,
    id: [u8; 8],
    socket: std::net::UdpSocket,
    ids: ConnectionIds,
}

impl Trial {
    fn new() -> Self {
        let socket = bind((Ipv4Addr::LOCALHOST, 0).into(), Size::mebibytes(1)).unwrap();
        let client = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        client.connect(socket.local_addr().unwrap()).unwrap();
        client.set_nonblocking(true).unwrap();
        let ids = ConnectionIds::new(Secret([1; 16]), 3);
        let id = ids.issue(IpAddr::V4(Ipv4Addr::LOCALHOST)).0.to_bytes();
        Self { client, id, socket, ids }
    }

    /// BEP 15, "Scrape request".
    fn scrape(&self) -> Vec<u8> {
        [&self.id[..], b"\0\0\0\x02\0\0\0\x01", &[7; 20]].concat()
    }

    /// Has a worker serve until it is aborted.
    fn serve(self, storage: Arc<dyn Storage>) -> task::JoinHandle<()> {
        let tracker = Arc::new(Tracker::new(storage, Live::new(Config::default())));
        let counters = Arc::new(Counters::default());
        let handler = Handler::new(tracker, Arc::new(ArcSwap::from_pointee(self.ids)), counters);
        let socket = UdpSocket::from_std(self.socket).unwrap();
        let worker = Worker::new(socket, handler, Clock::start(), SmallRng::seed_from_u64(1));
        tokio::spawn(async move {
            let (_stop, stopping) = watch::channel(false);
            worker.serve(stopping).await;
        })
    }
}

#[tokio::test]
async fn other_tasks_get_their_turn_while_small_batches_never_cease() {
    const SCRAPES: u32 = 5_000;
    let trial = Trial::new();
    let (client, scrape) = (trial.client.try_clone().unwrap(), trial.scrape());
    client.send(&scrape).unwrap();
    let store = Arc::new(Echoing { client, scrape, left: AtomicU32::new(SCRAPES) });
    let worker = trial.serve(Arc::clone(&store) as Arc<dyn Storage>);
    let left = || store.left.load(Ordering::Relaxed);
    while left() == SCRAPES {
        task::yield_now().await;
    }
    assert_ne!(left(), 0, "the worker let nobody else do anything while it was asked");
    worker.abort();
}

/// A store that counts how often it is asked.
#[derive(Default)]
struct Counting {
    asked: AtomicU32,
}

impl Storage for Counting {
    fn apply(&self, _now: Now, mut batch: Batch) -> Answer {
        self.asked.fetch_add(1, Ordering::Relaxed);
        batch.entries.iter_mut().for_each(|entry| entry.reply = Reply::Scrape { counts: Counts::default() });
        Answer::Ready(batch)
    }

    fn sweep(&self, _now: Now) {}

    fn totals(&self) -> Totals {
        Totals::default()
    }
}

/// All that a store does under a lock it does when it is asked.
#[tokio::test]
async fn garbage_is_dropped_without_asking_the_store() {
    let trial = Trial::new();
    let (client, scrape) = (trial.client.try_clone().unwrap(), trial.scrape());
    let store = Arc::new(Counting::default());
    let worker = trial.serve(Arc::clone(&store) as Arc<dyn Storage>);
    let announce = [&[0; 8][..], b"\0\0\0\x01\0\0\0\x01", &[7; 82]].concat();
    let foreign = [&[1; 8], &scrape[8..]].concat();
    let connect = b"\0\0\x04\x17\x27\x10\x19\x80\0\0\0\0\0\0\0\x01".to_vec();
    let garbage = [vec![], vec![0; 15], announce, foreign, scrape[..15].to_vec(), vec![0xff; 1_400], connect];
    for number in 0..100 {
        client.send(&garbage[number % garbage.len()]).unwrap();
    }
    client.send(&scrape).unwrap();
    let mut buffer = [0; 100];
    let answered = async {
        // A connect is answered as well, though not by the store.
        while !client.recv(&mut buffer).is_ok_and(|length| length == 20) {
            task::yield_now().await;
        }
    };
    time::timeout(Duration::from_secs(10), answered).await.expect("what comes after the garbage is served");
    assert_eq!(store.asked.load(Ordering::Relaxed), 1);
    worker.abort();
}

/// A store that takes its time, though never too much.
struct Slow {
    asked: AtomicU32,
}

impl Storage for Slow {
    fn apply(&self, _now: Now, batch: Batch) -> Answer {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Answer::Pending(Box::pin(async move {
            time::sleep(TAKES).await;
            batch
        }))
    }

    fn sweep(&self, _now: Now) {}

    fn totals(&self) -> Totals {
        Totals::default()
    }
}

const TAKES: Duration = Duration::from_millis(200);

/// Sends scrapes until as many batches as may be are with the store, and some more. Says how many replies have come by then,
/// how many a little later, and how many once the store has answered.
async fn replies(cover: fn(Arc<Slow>) -> Arc<dyn Storage>) -> [usize; 3] {
    let trial = Trial::new();
    let (client, scrape) = (trial.client.try_clone().unwrap(), trial.scrape());
    let store = Arc::new(Slow { asked: AtomicU32::new(0) });
    let worker = trial.serve(cover(Arc::clone(&store)));
    for number in 0..u32::try_from(MAX_PENDING).unwrap() {
        client.send(&scrape).unwrap();
        while store.asked.load(Ordering::Relaxed) == number {
            task::yield_now().await;
        }
    }
    (0..MORE).for_each(|_| _ = client.send(&scrape).unwrap());
    let received = || {
        let mut buffer = [0; 100];
        std::iter::from_fn(|| client.recv(&mut buffer).ok()).count()
    };
    let mut replies = [0; 3];
    for (replies, pause) in replies.iter_mut().zip([PATIENCE / 2, PATIENCE, TAKES]) {
        time::sleep(pause).await;
        *replies = received();
    }
    worker.abort();
    replies
}

const MORE: usize = 5;

#[tokio::test(start_paused = true)]
async fn beyond_what_may_be_under_way_a_stand_in_answers_soon() {
    let covered = replies(|slow| {
        let environment = Environment::new(Duration::from_secs(60), [1; 16], Clock::start());
        Arc::new(Fallback::new(slow, fallback::Config::default(), &environment))
    });
    assert_eq!(covered.await, [0, MORE, MAX_PENDING]);
    assert_eq!(replies(|slow| slow).await, [0, 0, MAX_PENDING]);
}
