//! What requests from several threads must not do to each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rand::RngExt;

use super::trial::{Trial, ask, counts, equal, present, told, v4};
use super::{Behaviour, Mismatch};
use crate::bittorrent::Family;
use crate::storage::{Announce, Batch, Change, Request, Role, Want};

pub(super) const ALL: &[Behaviour] = &[
    ("nobody is lost among several threads", |trial| Box::pin(nobody_is_lost(trial))),
    ("each request is one moment of its swarm", |trial| Box::pin(each_request_is_a_moment(trial))),
    ("a completion said by several threads at once counts once", |trial| Box::pin(completions_count_once(trial))),
    ("sweeping meanwhile loses nobody", |trial| Box::pin(sweeping_loses_nobody(trial))),
    ("several batches of one thread may be under way", |trial| Box::pin(several_batches_are_under_way(trial))),
    ("an answer that nobody waits for does no harm", |trial| Box::pin(an_answer_may_be_dropped(trial))),
];

async fn nobody_is_lost(trial: &mut Trial) -> Result<(), Mismatch> {
    let torrent = trial.torrent();
    let batches = |thread: u16| -> Vec<Vec<Request>> {
        let comes = |number| present(torrent, v4(thread * PEERS + number), Role::Downloader);
        let leaves = |number| Announce { change: Change::Absent, ..comes(number) };
        // Every third comes, goes and comes again.
        (0..PEERS)
            .map(|number| match number % 3 {
                0 => vec![comes(number).into(), leaves(number).into(), comes(number).into()],
                _ => vec![comes(number).into()],
            })
            .collect()
    };
    from_threads(trial, batches)?;
    let all = u32::from(THREADS * PEERS);
    equal("peers", &trial.scrape(torrent, Family::V4).await?, &counts(0, all, 0))?;
    let told = trial.present(torrent, v4(0), Role::Downloader).await?;
    equal("peers returned", &told.peers, &(1..THREADS * PEERS).map(v4).collect())
}

async fn each_request_is_a_moment(trial: &mut Trial) -> Result<(), Mismatch> {
    let torrent = trial.torrent();
    // All come and go; whoever comes sees itself counted, and never more peers than the counts say there are.
    let batches = |thread: u16| -> Vec<Vec<Request>> {
        let comes = present(torrent, v4(thread), Role::Downloader);
        let leaves = Announce { change: Change::Absent, ..comes };
        (0..200).map(|turn| if turn % 2 == 0 { vec![comes.into()] } else { vec![leaves.into()] }).collect()
    };
    for batches in from_threads(trial, batches)? {
        for (turn, batch) in batches.iter().enumerate() {
            let told = told(batch, 0)?;
            let others = told.counts.leechers - u32::from(turn % 2 == 0);
            if turn % 2 == 0 {
                equal("others counted, and returned", &told.peers.len(), &(others as usize))?;
            }
            if others >= THREADS.into() {
                return Err(Mismatch(format!("{others} others are counted, of {THREADS} in all")));
            }
        }
    }
    equal("who is left", &trial.scrape(torrent, Family::V4).await?, &counts(0, 0, 0))
}

async fn completions_count_once(trial: &mut Trial) -> Result<(), Mismatch> {
    let torrent = trial.torrent();
    let batches = |_| -> Vec<Vec<Request>> {
        let change = Change::Present { role: Role::Seeder, completed: true };
        (0..50).map(|number| vec![Announce { change, ..present(torrent, v4(number), Role::Seeder) }.into()]).collect()
    };
    from_threads(trial, batches)?;
    equal("counts", &trial.scrape(torrent, Family::V4).await?, &counts(50, 0, 50))
}

async fn sweeping_loses_nobody(trial: &mut Trial) -> Result<(), Mismatch> {
    let torrents: Vec<_> = (0..THREADS).map(|_| trial.torrent()).collect();
    let (store, now, done) = (Arc::clone(&trial.store), trial.now(), Arc::new(AtomicBool::new(false)));
    let sweeper = {
        let done = Arc::clone(&done);
        thread::spawn(move || {
            while !done.load(Ordering::Relaxed) {
                store.sweep(now);
            }
        })
    };
    // Each thread comes and goes in a torrent of its own, which is empty in between.
    let batches = |thread: u16| -> Vec<Vec<Request>> {
        let comes = |number| present(torrents[usize::from(thread)], v4(number), Role::Downloader);
        let leaves = |number| Announce { change: Change::Absent, ..comes(number) };
        (0..PEERS).flat_map(|number| [vec![comes(number).into()], vec![leaves(number).into()]]).collect()
    };
    let answers = from_threads(trial, batches);
    done.store(true, Ordering::Relaxed);
    sweeper.join().map_err(|_| Mismatch("a sweep panicked".into()))?;
    for (turn, batch) in answers?.iter().flat_map(|batches| batches.iter().enumerate()) {
        equal("leechers", &told(batch, 0)?.counts.leechers, &u32::from(turn % 2 == 0))?;
    }
    Ok(())
}

async fn several_batches_are_under_way(trial: &mut Trial) -> Result<(), Mismatch> {
    let torrents: Vec<_> = (0..16).map(|_| trial.torrent()).collect();
    let mut tasks = tokio::task::JoinSet::new();
    for &torrent in &torrents {
        let (store, now, seed) = (Arc::clone(&trial.store), trial.now(), trial.rng.random());
        let requests: Vec<_> = (0..40).map(|number| present(torrent, v4(number), Role::Downloader).into()).collect();
        tasks.spawn(async move { ask(&*store, now, seed, &requests).await });
    }
    while let Some(task) = tasks.join_next().await {
        let batch = task.map_err(|error| Mismatch(format!("a batch was lost: {error}")))??;
        for index in 0..40_usize {
            equal("leechers", &(told(&batch, index)?.counts.leechers as usize), &(index + 1))?;
        }
    }
    Ok(())
}

async fn an_answer_may_be_dropped(trial: &mut Trial) -> Result<(), Mismatch> {
    let torrent = trial.torrent();
    for number in 0..20 {
        let mut batch = Batch::default();
        batch.push(Announce { want: Want::default(), ..present(torrent, v4(number), Role::Downloader) });
        drop(trial.store.apply(trial.now(), batch));
    }
    let told = trial.present(torrent, v4(100), Role::Downloader).await?;
    if told.counts.leechers > 21 {
        return Err(Mismatch(format!("{} leechers of 21", told.counts.leechers)));
    }
    Ok(())
}

/// Has several threads, each with a runtime as a worker has, ask their batches at once. Gives back each thread's answers.
fn from_threads(trial: &mut Trial, batches: impl Fn(u16) -> Vec<Vec<Request>>) -> Result<Vec<Vec<Batch>>, Mismatch> {
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let (store, now, seed): (_, _, u64) = (Arc::clone(&trial.store), trial.now(), trial.rng.random());
            let batches = batches(thread);
            thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                let runtime = runtime.map_err(|error| Mismatch(format!("no runtime: {error}")))?;
                runtime.block_on(async {
                    let mut answers = Vec::new();
                    for (number, requests) in (0..).zip(&batches) {
                        answers.push(ask(&*store, now, seed.wrapping_add(number), requests).await?);
                    }
                    Ok(answers)
                })
            })
        })
        .collect();
    threads.into_iter().map(|thread| thread.join().map_err(|_| Mismatch("a thread panicked".into()))?).collect()
}

const THREADS: u16 = 4;

/// Peers of each thread.
const PEERS: u16 = 150;
