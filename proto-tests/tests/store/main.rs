//! Stores against the model: the same random history to both, compared after every step.

mod forms;
mod history;
mod threads;

use std::array;
use std::sync::Arc;
use std::time::Duration;

use chihaya::bittorrent::InfoHash;
use chihaya::clock::{Clock, Now};
use chihaya::storage::SWEEPS_PER_PASS;
use chihaya::storage::conformance::Checked;
use chihaya::storage::conformance::{Mismatch, Rules, Seconds};
use chihaya::storage::{
    Announce, Answer, Batch, Change, Drivers, Environment, Request, Role, Scrape, Settings, Storage, Want,
};
use history::{Ask, History, MOST_ENTRIES, Step, TORRENTS, endpoint, history, leaping_history};
use proptest::prelude::*;
use proto_tests::late::Late;

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

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn so_it_is_whose_clock_leaps_forward_back_and_over_its_wrap(history in leaping_history()) {
        check(&history, "memory", "", |requests| vec![requests])?;
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
    let mut store = Checked::new(store, Rules::memory(history.lifetime), Now(history.start));
    runtime
        .block_on(run(history, &history.steps, &mut store, batches))
        .map_err(|mismatch| TestCaseError::fail(mismatch.0))
}

pub(crate) fn open(driver: &str, settings: &str, lifetime: Seconds) -> Arc<dyn Storage> {
    let drivers = Drivers::builtin().with(Late);
    let settings = Settings(settings.parse().expect("a table"));
    let environment = Environment::new(Duration::from_secs(lifetime), *b"0123456789abcdef", Clock::start());
    drivers.find(driver).expect("a known driver").open(&settings, environment).expect("the settings are right")
}

async fn run(
    history: &History,
    steps: &[Step],
    store: &mut Checked,
    batches: fn(Vec<Request>) -> Vec<Vec<Request>>,
) -> Result<(), Mismatch> {
    for step in steps {
        match step {
            Step::Batch { lag, asks } => {
                let requests = asks.iter().map(|ask| ask.request(history.pool));
                store.apply(*lag, batches(requests.collect())).await?;
            }
            Step::Crowd { torrent, first, number, every, change } => {
                let want = Want::default();
                let ask = |who| Ask::Announce { torrent: *torrent, who, change: *change, want };
                let members = (*first..).step_by((*every).into()).take((*number).into());
                let requests: Vec<_> = members.map(|who| ask(who).request(history.pool)).collect();
                for requests in requests.chunks(MOST_ENTRIES) {
                    store.apply(0, vec![requests.to_vec()]).await?;
                }
            }
            Step::Sweep { lag, times } => store.sweep(*lag, *times).await?,
            Step::Leap(seconds) => store.leap(*seconds).await?,
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
