//! Stores against the model: the same random history to both, compared after every step.

use std::array;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use chihaya::bittorrent::{Endpoint, Family, InfoHash};
use chihaya::clock::Now;
use chihaya::storage::memory::SWEEPS_PER_PASS;
use chihaya::storage::{
    Announce, Answer, Batch, Change, Drivers, Environment, Request, Role, Scrape, Settings, Storage, Want,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proto_tests::checked::Checked;
use proto_tests::late::Late;
use proto_tests::model::{Mismatch, Rules, Seconds};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_memory_store_is_the_model(history in history()) {
        check(&history, "memory", "", |requests| vec![requests])?;
    }

    #[test]
    fn so_is_one_of_few_shards(history in history(), shards in 1..4) {
        check(&history, "memory", &format!("shards = {shards}"), |requests| vec![requests])?;
    }

    #[test]
    fn so_is_one_that_answers_late_with_several_batches_under_way(history in history()) {
        check(&history, "late", "", by_torrent)?;
    }
}

#[test]
fn a_pass_of_sweeps_reaches_every_shard() {
    for shards in [1, 63, 64, 65, 100, 127, 128, 129, 512] {
        let store = open("memory", &format!("shards = {shards}"), 1);
        for round in 0..3 {
            let mut batch = Batch::default();
            for n in 0..u16::MAX / 8 {
                let info_hash = InfoHash(array::from_fn(|at| n.to_be_bytes()[at % 2]));
                let change = Change::Present { role: Role::Seeder, completed: false };
                batch.push(Announce { info_hash, peer: endpoint(n), change, want: Want::default() });
            }
            assert!(matches!(store.apply(Now(10 * round), batch), Answer::Ready(_)));
            (0..SWEEPS_PER_PASS).for_each(|_| store.sweep(Now(10 * round + 9)));
            assert_eq!(store.totals().torrents, Some(0), "{shards} shards");
        }
    }
}

#[test]
fn a_swarm_grows_large_and_shrinks_away() {
    const PEERS: u16 = 700;
    let announce =
        |who, change| Ask::Announce { torrent: 0, who, change, want: Want { peers: 9, both_families: true } };
    let present = |who, turn| {
        let role = [Role::Downloader, Role::Seeder, Role::PartialSeed][usize::from(turn) % 3];
        announce(who, Change::Present { role, completed: true })
    };
    let look = |who| announce(who, Change::Unchanged { role: Role::Downloader });
    let leave = |who| announce(who, Change::Absent);
    // While one comes or goes, others look up their entries or take another role. 11 has no divisor in common with 700.
    let grow = (0..PEERS).flat_map(|n| [present(n, n), look(n / 2), present(n * 7 % (n + 1), n + 1)]);
    let shrink = (0..PEERS).flat_map(|n| [leave(n * 11 % PEERS), look(n * 13 % PEERS)]);
    let asks: Vec<_> = grow.chain(shrink).collect();
    let batches = asks.chunks(MOST_ENTRIES).map(|asks| Step::Batch { lag: 0, asks: asks.to_vec() });
    let history = History { lifetime: 60, start: 0, pool: PEERS, steps: batches.collect() };
    check(&history, "memory", "", |requests| vec![requests]).expect("no mismatch");
}

fn check(
    history: &History,
    driver: &str,
    settings: &str,
    batches: fn(Vec<Request>) -> Vec<Vec<Request>>,
) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    let store = open(driver, settings, history.lifetime);
    let store = Checked::new(store, Rules::memory(history.lifetime), Now(history.start));
    runtime.block_on(run(history, store, batches)).map_err(|mismatch| TestCaseError::fail(mismatch.0))
}

fn open(driver: &str, settings: &str, lifetime: Seconds) -> Arc<dyn Storage> {
    let drivers = Drivers::builtin().with(Late);
    let settings = Settings(settings.parse().expect("a table"));
    let environment = Environment { peer_lifetime: Duration::from_secs(lifetime), key: *b"0123456789abcdef" };
    drivers.find(driver).expect("a known driver").open(&settings, environment).expect("the settings are right")
}

async fn run(
    history: &History,
    mut store: Checked,
    batches: fn(Vec<Request>) -> Vec<Vec<Request>>,
) -> Result<(), Mismatch> {
    for step in &history.steps {
        match step {
            Step::Batch { lag, asks } => {
                let requests = asks.iter().map(|ask| ask.request(history.pool));
                store.apply(*lag, batches(requests.collect())).await?;
            }
            Step::Crowd { torrent, first, number, change } => {
                let want = Want::default();
                let ask = |who| Ask::Announce { torrent: *torrent, who, change: *change, want };
                let requests: Vec<_> = (*first..first + number).map(|who| ask(who).request(history.pool)).collect();
                for requests in requests.chunks(MOST_ENTRIES) {
                    store.apply(0, vec![requests.to_vec()]).await?;
                }
            }
            Step::Sweep { lag, times } => store.sweep(*lag, *times).await?,
            Step::Wait(wait) => store.wait(wait.seconds(history.lifetime)).await?,
        }
    }
    // No sweep more, but a last look at every torrent.
    store.sweep(0, 0).await
}

/// One batch per torrent.
fn by_torrent(requests: Vec<Request>) -> Vec<Vec<Request>> {
    let mut batches = vec![Vec::new(); TORRENTS.into()];
    for request in requests {
        let (Request::Announce(Announce { info_hash, .. }) | Request::Scrape(Scrape { info_hash, .. })) = request;
        batches[usize::from(info_hash.0[0])].push(request);
    }
    batches.retain(|batch| !batch.is_empty());
    batches
}

#[derive(Clone, Debug)]
struct History {
    lifetime: Seconds,
    start: u32,
    /// Endpoints that take part.
    pool: u16,
    steps: Vec<Step>,
}

#[derive(Clone, Debug)]
enum Step {
    Batch {
        lag: Seconds,
        asks: Vec<Ask>,
    },
    /// Neighbours in the pool all announce the same.
    Crowd {
        torrent: u8,
        first: u16,
        number: u16,
        change: Change,
    },
    Sweep {
        lag: Seconds,
        times: usize,
    },
    Wait(Wait),
}

/// A request, with its torrent and its peer by number.
#[derive(Clone, Debug)]
enum Ask {
    Announce { torrent: u8, who: u16, change: Change, want: Want },
    Scrape { torrent: u8, family: Family },
}

/// A time, for the most part close to where something ends.
#[derive(Clone, Copy, Debug)]
enum Wait {
    Seconds(Seconds),
    /// Thousandths of a lifetime.
    Thousandths(Seconds),
    /// One lifetime, give or take.
    Lifetime(i64),
}

impl Ask {
    fn request(&self, pool: u16) -> Request {
        match *self {
            Self::Announce { torrent, who, change, want } => {
                Announce { info_hash: InfoHash([torrent; 20]), peer: endpoint(who % pool), change, want }.into()
            }
            Self::Scrape { torrent, family } => Scrape { info_hash: InfoHash([torrent; 20]), family }.into(),
        }
    }
}

impl Wait {
    fn seconds(self, lifetime: Seconds) -> Seconds {
        match self {
            Self::Seconds(seconds) => seconds,
            Self::Thousandths(thousandths) => lifetime * thousandths / 1000,
            Self::Lifetime(more) => lifetime.saturating_add_signed(more),
        }
    }
}

/// Both families in turn; neighbours differ in the port, or in the address.
fn endpoint(who: u16) -> Endpoint {
    let [high, low] = (who / 4).to_be_bytes();
    let address = match who % 2 {
        0 => Ipv4Addr::new(198, 18, high, low).into(),
        _ => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, high.into(), low.into()).into(),
    };
    Endpoint::new(address, 6881 + who % 4 / 2)
}

fn history() -> impl Strategy<Value = History> {
    // Below and above the lifetimes that need coarser ticks than a second.
    let lifetime = prop_oneof![Just(1), Just(30), Just(2_048), Just(2_049), Just(3_000), Just(100_000)];
    let start = prop_oneof![Just(0), Just(1_800_000_000), u32::MAX - 5..=u32::MAX, any::<u32>()];
    let pool = prop_oneof![1..8_u16, 8..80_u16, Just(MOST_ENDPOINTS)];
    (lifetime, start, pool, vec(step(), 1..20)).prop_map(|(lifetime, start, pool, steps)| History {
        lifetime,
        start,
        pool,
        steps,
    })
}

fn step() -> impl Strategy<Value = Step> {
    let number = prop_oneof![1..20_u16, 50..MOST_ENDPOINTS];
    prop_oneof![
        8 => (lag(), vec(ask(), 1..=MOST_ENTRIES)).prop_map(|(lag, asks)| Step::Batch { lag, asks }),
        2 => (torrent(), 0..MOST_ENDPOINTS, number, change())
            .prop_map(|(torrent, first, number, change)| Step::Crowd { torrent, first, number, change }),
        2 => (lag(), prop_oneof![0..64_usize, Just(64), Just(130)]).prop_map(|(lag, times)| Step::Sweep { lag, times }),
        4 => wait().prop_map(Step::Wait),
    ]
}

fn ask() -> impl Strategy<Value = Ask> {
    let announce = (torrent(), 0..MOST_ENDPOINTS, change(), want());
    prop_oneof![
        9 => announce.prop_map(|(torrent, who, change, want)| Ask::Announce { torrent, who, change, want }),
        1 => (torrent(), prop::sample::select(&Family::BOTH)).prop_map(|(torrent, family)| Ask::Scrape { torrent, family }),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        7 => (role(), any::<bool>()).prop_map(|(role, completed)| Change::Present { role, completed }),
        2 => Just(Change::Absent),
        1 => role().prop_map(|role| Change::Unchanged { role }),
    ]
}

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![3 => Just(Role::Downloader), 2 => Just(Role::Seeder), 1 => Just(Role::PartialSeed)]
}

fn want() -> impl Strategy<Value = Want> {
    let peers = prop_oneof![0..4_u32, 0..=250_u32];
    (peers, any::<bool>()).prop_map(|(peers, both_families)| Want { peers, both_families })
}

fn wait() -> impl Strategy<Value = Wait> {
    prop_oneof![
        (0..4_u64).prop_map(Wait::Seconds),
        (0..1_000_u64).prop_map(Wait::Thousandths),
        (1_000..5_000_u64).prop_map(Wait::Thousandths),
        (-3..=5_i64).prop_map(Wait::Lifetime),
    ]
}

/// How old the moment is that a worker or a timer has read: the threads do not wait for each other.
fn lag() -> impl Strategy<Value = Seconds> {
    prop_oneof![4 => Just(0), 1 => 1..=2_u64]
}

fn torrent() -> impl Strategy<Value = u8> {
    0..TORRENTS
}

/// Few, so that requests meet.
const TORRENTS: u8 = 4;

/// Enough for swarms of both families to outgrow the memory store's small form, and to shrink back.
const MOST_ENDPOINTS: u16 = 300;

/// Entries in a batch at most, as many as a worker receives at once.
const MOST_ENTRIES: usize = 64;
