//! Whether the histories lead through every form that the memory store gives its swarms, and from each into each other.

use std::array;
use std::collections::BTreeSet;

use chihaya::bittorrent::{Family, InfoHash};
use chihaya::clock::Now;
use chihaya::storage::conformance::Checked;
use chihaya::storage::conformance::Rules;
use chihaya::storage::{Answer, Batch, Reply, Scrape, Storage};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::history::{TORRENTS, crowded_history, history};
use crate::{open, run};

proptest! {
    // Each takes as long as a hundred others.
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn the_memory_store_is_the_model_in_crowds_too(history in crowded_history(), shards in 0..2) {
        crate::check(&history, "memory", &format!("shards = {shards}"), |requests| vec![requests])?;
    }
}

/// How a torrent is kept, as far as its number of peers tells: in between, it depends on what it was before.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Form {
    Empty,
    OneV4,
    FewV4,
    FewV6,
    FewOfBoth,
    /// A crowd of IPv4 peers, beside few or no others.
    ManyV4,
    ManyV6,
    ManyOfBoth,
}

impl Form {
    fn of([v4, v6]: [u32; 2]) -> Option<Self> {
        match (v4, v6) {
            (0, 0) => Some(Self::Empty),
            (1, 0) => Some(Self::OneV4),
            (2..=127, 0) => Some(Self::FewV4),
            (0, 1..=100) => Some(Self::FewV6),
            (1..=127, 1..=49) | (1..=50, 1..=80) => Some(Self::FewOfBoth),
            (256.., 201..) => Some(Self::ManyOfBoth),
            (256.., _) => Some(Self::ManyV4),
            (_, 201..) => Some(Self::ManyV6),
            _ => None,
        }
    }
}

#[test]
fn the_histories_meet_every_form_and_every_change_of_it() {
    let mut met = BTreeSet::new();
    let mut runner = TestRunner::deterministic();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for number in 0..200 {
        let strategy = if number % 4 == 0 { crowded_history().boxed() } else { history().boxed() };
        let history = strategy.new_tree(&mut runner).unwrap().current();
        let store = open("memory", "shards = 1", history.lifetime);
        let mut forms = [Form::Empty; TORRENTS as usize];
        let mut checked = Checked::new(store.clone(), Rules::memory(history.lifetime), Now(history.start));
        for step in &history.steps {
            runtime
                .block_on(run(&history, std::slice::from_ref(step), &mut checked, |requests| vec![requests]))
                .unwrap();
            for (form, now) in forms.iter_mut().zip(sizes(&*store).map(Form::of)) {
                if let Some(now) = now {
                    met.insert((*form, now));
                    *form = now;
                }
            }
        }
        if missing(&met).is_empty() {
            return;
        }
    }
    panic!("never met: {:?}", missing(&met));
}

/// The changes that were to be met and were not: every form comes out of nothing, small ones and the largest come to
/// nothing, and few and many become one another.
fn missing(met: &BTreeSet<(Form, Form)>) -> Vec<(Form, Form)> {
    let both_ways = |one, other| [(one, other), (other, one)];
    let small = [Form::OneV4, Form::FewV4, Form::FewV6, Form::FewOfBoth, Form::ManyOfBoth];
    let mut wanted: Vec<_> = small.into_iter().flat_map(|form| both_ways(Form::Empty, form)).collect();
    wanted.extend(both_ways(Form::OneV4, Form::FewV4));
    wanted.extend(both_ways(Form::OneV4, Form::FewOfBoth));
    wanted.extend(both_ways(Form::FewOfBoth, Form::ManyOfBoth));
    wanted.extend([Form::ManyV4, Form::ManyV6].map(|form| (Form::Empty, form)));
    wanted.extend([(Form::FewOfBoth, Form::ManyV6), (Form::ManyV6, Form::ManyOfBoth)]);
    wanted.retain(|change| !met.contains(change));
    wanted
}

/// How many peers of each family every torrent has.
fn sizes(store: &dyn Storage) -> [[u32; 2]; TORRENTS as usize] {
    let mut batch = Batch::default();
    for torrent in 0..TORRENTS {
        let info_hash = InfoHash([torrent; 20]);
        Family::BOTH.into_iter().for_each(|family| batch.push(Scrape { info_hash, family }));
    }
    let Answer::Ready(batch) = store.apply(Now(0), batch) else { unreachable!("it answers at once") };
    let size = |at: usize| match batch.entries[at].reply {
        Reply::Scrape { counts } => counts.seeders + counts.leechers,
        reply => panic!("{reply:?}"),
    };
    array::from_fn(|torrent| [size(2 * torrent), size(2 * torrent + 1)])
}
