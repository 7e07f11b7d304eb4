//! Whether some order of requests explains what each was told: every order that keeps each thread's own is tried.

use std::collections::BTreeSet;

use interleavings::bittorrent::{Counts, Endpoint, Family, InfoHash};
use interleavings::clock::Now;
use interleavings::storage::conformance::{Expected, Model};
use interleavings::storage::{Batch, Entry, Reply};

use super::world::{SHARDS, look};

/// Batches of one thread, in the order it asked them.
pub(crate) type Told = Vec<(Now, Batch)>;

/// One request, with the batch its peers lie in.
#[derive(Clone, Copy)]
struct Asked<'a> {
    at: u64,
    entry: &'a Entry,
    batch: &'a Batch,
}

/// What became of one torrent: what the threads were told of it, and what was seen when all were done and all was swept.
struct Story<'a> {
    torrent: InfoHash,
    threads: Vec<Vec<Asked<'a>>>,
    end: Vec<Asked<'a>>,
}

/// Fails unless some order explains it. Requests of one torrent know nothing of another's, so each torrent has its own.
pub(crate) fn check(model: &Model, torrent: InfoHash, threads: &[Told], end: &Told) {
    let threads: Vec<_> = threads.iter().map(|told| asked(told, torrent)).collect();
    let story = Story { torrent, threads, end: asked(end, torrent) };
    let next = vec![0; story.threads.len()];
    assert!(story.is_explained(model, &next), "no order of these requests tells this:{}", story.tell());
}

fn asked(told: &Told, torrent: InfoHash) -> Vec<Asked<'_>> {
    let entries = told.iter().flat_map(|(now, batch)| batch.entries.iter().map(move |entry| (now, batch, entry)));
    let of_torrent = entries.filter(|(_, _, entry)| *entry.request.info_hash() == torrent);
    of_torrent.map(|(now, batch, entry)| Asked { at: now.0.into(), entry, batch }).collect()
}

impl Story<'_> {
    /// Whether it can go on from here so that everything fits, each thread having been answered so many requests.
    fn is_explained(&self, model: &Model, next: &[usize]) -> bool {
        let ways = || self.threads.iter().zip(next).enumerate();
        if ways().all(|(_, (thread, next))| *next == thread.len()) {
            return self.ends_so(model);
        }
        ways().any(|(number, (thread, position))| {
            let Some(asked) = thread.get(*position) else { return false };
            let mut next = next.to_vec();
            next[number] += 1;
            self.ways_of_forgetting(model, asked.at).into_iter().any(|mut model| {
                asked.fits(model.apply(asked.at, &asked.entry.request)) && self.is_explained(&model, &next)
            })
        })
    }

    /// A sweep under way may have come to any of those who are over, or to none; likewise to completed downloads.
    fn ways_of_forgetting(&self, model: &Model, at: u64) -> Vec<Model> {
        if !model.is_in_doubt(at, self.torrent) {
            return vec![model.clone()];
        }
        let (members, completed) = self.members(model, at);
        let members: Vec<_> = members.into_iter().collect();
        let left = |subset: u32| -> BTreeSet<_> {
            members.iter().enumerate().filter(|(bit, _)| subset >> bit & 1 == 1).map(|(_, peer)| *peer).collect()
        };
        let learnt = |seen: &BTreeSet<Endpoint>, completed| {
            let mut model = model.clone();
            model.learn(at, self.torrent, seen, completed).is_ok().then_some(model)
        };
        let subsets = (0..1 << members.len()).map(left);
        subsets.flat_map(|seen| [completed, 0].map(|completed| learnt(&seen, completed))).flatten().collect()
    }

    fn members(&self, model: &Model, at: u64) -> (BTreeSet<Endpoint>, u32) {
        let [show, ..] = look(self.torrent);
        match model.clone().apply(at, &show) {
            Expected::Announce { counts: Counts { completed, .. }, on_offer, .. } => {
                (on_offer.v4.into_iter().chain(on_offer.v6).collect(), completed)
            }
            Expected::Scrape { .. } => unreachable!("it was an announce"),
        }
    }

    fn ends_so(&self, model: &Model) -> bool {
        let mut model = model.clone();
        let Some(last) = self.end.first() else { return true };
        (0..SHARDS).for_each(|_| model.sweep(last.at));
        self.ways_of_forgetting(&model, last.at)
            .into_iter()
            .any(|mut model| self.end.iter().all(|asked| asked.fits(model.apply(asked.at, &asked.entry.request))))
    }

    fn tell(&self) -> String {
        let tell = |asked: &Asked| {
            let list = |family| match asked.entry.reply {
                Reply::Announce { peers, .. } => {
                    Endpoint::list(family, asked.batch.compact(peers[family])).collect::<Vec<_>>()
                }
                _ => Vec::new(),
            };
            let peers: Vec<_> = Family::BOTH.into_iter().flat_map(list).collect();
            format!("\n  {} {:?}\n    {:?} {peers:?}", asked.at, asked.entry.request, asked.entry.reply)
        };
        let threads = self.threads.iter().chain([&self.end]).enumerate();
        threads
            .map(|(number, thread)| format!("\nthread {number}{}", thread.iter().map(tell).collect::<String>()))
            .collect()
    }
}

impl Asked<'_> {
    fn fits(&self, expected: Expected) -> bool {
        expected.check(self.entry.reply, self.batch).is_ok()
    }
}

/// The model of what one thread alone was told.
pub(crate) fn model_of(mut model: Model, told: &Told) -> Model {
    for (now, batch) in told {
        for entry in &batch.entries {
            let expected = model.apply(now.0.into(), &entry.request);
            expected.check(entry.reply, batch).expect("one thread alone has one order");
        }
    }
    model
}
