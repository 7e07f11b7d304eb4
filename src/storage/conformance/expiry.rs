//! What the passing of time must do, and must not.

use std::collections::BTreeSet;
use std::time::Duration;

use super::trial::{Told, Trial, counts, equal, present, v4, v6};
use super::{Behaviour, Mismatch, histories};
use crate::bittorrent::{Family, InfoHash};
use crate::clock::Now;
use crate::storage::{Announce, Change, Reply, Request, Role, SWEEPS_PER_PASS, Scrape, Want};

/// For a store with a clock of its own they take real time; all of them run at once.
pub(super) const ALL: &[Behaviour] = &[
    ("who falls silent is forgotten, and nobody else", |trial| Box::pin(the_silent_are_forgotten(trial))),
    ("of a crowd, too, the silent are forgotten", |trial| Box::pin(the_silent_of_a_crowd_are_forgotten(trial))),
    ("of many torrents, too, the silent are forgotten", |trial| Box::pin(the_silent_of_many_torrents(trial))),
    ("one that comes back after its time is a new peer", |trial| Box::pin(one_comes_back(trial))),
    ("completed downloads outlive the last to leave by a lifetime", |trial| {
        Box::pin(completed_outlives_leaving(trial))
    }),
    ("completed downloads outlive the last to expire by a lifetime", |trial| {
        Box::pin(completed_outlives_expiry(trial))
    }),
    ("clocks that differ by a moment lose nobody", |trial| Box::pin(clocks_may_differ(trial))),
    ("random histories in which time passes end as those of a plain model", |trial| Box::pin(histories::timed(trial))),
];

use Role::{Downloader, Seeder};

async fn the_silent_are_forgotten(trial: &mut Trial) -> Result<(), Mismatch> {
    let torrent = trial.torrent();
    trial.present(torrent, v4(0), Seeder).await?;
    trial.present(torrent, v4(1), Downloader).await?;
    trial.present(torrent, v6(0), Downloader).await?;
    trial.wait(trial.lifetimes(0.5)).await;
    let told = trial.present(torrent, v4(1), Downloader).await?;
    trial.in_time()?;
    equal("before their time", &told.counts, &counts(1, 1, 0))?;
    equal("peers before their time", &told.peers, &BTreeSet::from([v4(0)]))?;
    // The seeder looks on: that renews nothing.
    let look = Announce { change: Change::Unchanged { role: Seeder }, ..present(torrent, v4(0), Seeder) };
    trial.announce(look).await?;
    let told = renewing(trial, torrent, trial.lifetimes(0.6) + trial.slack()).await?;
    equal("after their time", &told.counts, &counts(0, 1, 0))?;
    equal("peers after their time", &told.peers, &BTreeSet::new())?;
    equal("the other family", &trial.scrape(torrent, Family::V6).await?, &counts(0, 0, 0))
}

async fn the_silent_of_a_crowd_are_forgotten(trial: &mut Trial) -> Result<(), Mismatch> {
    let torrent = trial.torrent();
    let some = |numbers: &mut dyn Iterator<Item = u16>| -> Vec<Request> {
        numbers
            .map(|number| Announce { want: Want::default(), ..present(torrent, v4(number), Downloader) }.into())
            .collect()
    };
    trial.ask(&some(&mut (0..CROWD))).await?;
    let mut passed = Duration::ZERO;
    while passed < trial.lifetimes(1.1) + trial.slack() {
        trial.wait(trial.lifetimes(0.4)).await;
        passed += trial.lifetimes(0.4);
        trial.ask(&some(&mut (0..CROWD).step_by(3))).await?;
    }
    let told = trial.present(torrent, v4(0), Downloader).await?;
    equal("peers left", &told.peers, &(3..CROWD).step_by(3).map(v4).collect())?;
    equal("leechers left", &told.counts, &counts(0, u32::from(CROWD / 3), 0))
}

/// One pass of sweeps goes over the whole store.
async fn the_silent_of_many_torrents(trial: &mut Trial) -> Result<(), Mismatch> {
    let torrents: Vec<_> = (0..TORRENTS).map(|_| trial.torrent()).collect();
    let comes: Vec<_> = torrents.iter().map(|&torrent| present(torrent, v6(1), Downloader).into()).collect();
    trial.ask(&comes).await?;
    trial.wait(trial.lifetimes(1.1) + trial.slack()).await;
    let scrapes: Vec<_> = torrents.iter().map(|&info_hash| Scrape { info_hash, family: Family::V6 }.into()).collect();
    let batch = trial.ask(&scrapes).await?;
    let left = batch.entries.iter().filter(|entry| entry.reply != Reply::Scrape { counts: counts(0, 0, 0) }).count();
    equal("torrents left", &left, &0)
}

async fn one_comes_back(trial: &mut Trial) -> Result<(), Mismatch> {
    let torrent = trial.torrent();
    let completed = Announce { change: COMPLETED, ..present(torrent, v4(0), Seeder) };
    equal("completed", &trial.announce(completed).await?.counts.completed, &1)?;
    renewing(trial, torrent, trial.lifetimes(1.1) + trial.slack()).await?;
    equal("counts without it", &trial.scrape(torrent, Family::V4).await?, &counts(0, 1, 1))?;
    equal("counts with it again", &trial.announce(completed).await?.counts, &counts(1, 1, 2))
}

async fn completed_outlives_leaving(trial: &mut Trial) -> Result<(), Mismatch> {
    let torrent = trial.torrent();
    trial.announce(Announce { change: COMPLETED, ..present(torrent, v6(0), Seeder) }).await?;
    // The lifetime begins when it leaves, and not when it was last seen before.
    trial.pass(trial.lifetimes(0.5)).await;
    let told = trial.leave(torrent, v6(0)).await?;
    equal("counts of the last who leaves", &told.counts, &counts(0, 0, 1))?;
    trial.wait(trial.lifetimes(0.6)).await;
    let scraped = trial.scrape(torrent, Family::V4).await?;
    trial.in_time_for(trial.lifetimes(1.5))?;
    equal("counts before a lifetime has passed", &scraped, &counts(0, 0, 1))?;
    trial.wait(trial.lifetimes(0.5) + trial.slack()).await;
    equal("counts afterwards", &trial.scrape(torrent, Family::V4).await?, &counts(0, 0, 0))
}

async fn completed_outlives_expiry(trial: &mut Trial) -> Result<(), Mismatch> {
    let torrent = trial.torrent();
    trial.announce(Announce { change: COMPLETED, ..present(torrent, v4(0), Seeder) }).await?;
    trial.wait(trial.lifetimes(1.1) + trial.slack()).await;
    let scraped = trial.scrape(torrent, Family::V4).await?;
    trial.in_time_for(trial.lifetimes(2.0))?;
    equal("counts once it has expired", &scraped, &counts(0, 0, 1))?;
    trial.wait(trial.lifetimes(1.1) + trial.slack()).await;
    equal("counts a lifetime later", &trial.scrape(torrent, Family::V4).await?, &counts(0, 0, 0))
}

/// Each thread reads its clock once per batch, so moments overtake each other.
async fn clocks_may_differ(trial: &mut Trial) -> Result<(), Mismatch> {
    let torrent = trial.torrent();
    let now = trial.now();
    for (number, offset) in [(0, 1), (1, 0), (2, 2), (3, 0)] {
        let comes = present(torrent, v4(number), Downloader).into();
        trial.ask_at(Now(now.0.wrapping_add(offset)), &[comes]).await?;
        (0..SWEEPS_PER_PASS).for_each(|_| trial.store.sweep(now));
    }
    let told = trial.present(torrent, v4(1), Downloader).await?;
    trial.in_time()?;
    equal("peers", &told.peers, &BTreeSet::from([v4(0), v4(2), v4(3)]))
}

/// Lets time pass while the second peer comes again and again; what that is told at the end.
async fn renewing(trial: &mut Trial, torrent: InfoHash, total: Duration) -> Result<Told, Mismatch> {
    let step = trial.lifetimes(0.25);
    let steps = total.as_millis().div_ceil(step.as_millis());
    let mut told = trial.present(torrent, v4(1), Downloader).await?;
    for _ in 0..steps {
        trial.wait(step).await;
        let leechers = trial.scrape(torrent, Family::V4).await?.leechers;
        equal("leechers, while the only one comes again and again", &leechers, &1)?;
        told = trial.present(torrent, v4(1), Downloader).await?;
    }
    Ok(told)
}

const COMPLETED: Change = Change::Present { role: Seeder, completed: true };

/// Far more than there are sweeps in a pass.
const TORRENTS: usize = 1_000;

/// More than most stores keep in their form for small swarms.
const CROWD: u16 = 600;
