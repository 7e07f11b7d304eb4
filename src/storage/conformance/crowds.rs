//! What a choice among many must be like.

use std::collections::BTreeMap;

use rand::RngExt;

use super::trial::{Trial, equal, present, told, v4, v6};
use super::{Behaviour, Mismatch};
use crate::bittorrent::{Endpoint, InfoHash};
use crate::storage::{Announce, Role, Want};

pub(super) const ALL: &[Behaviour] = &[
    ("as many peers as are wanted, or as there are", |trial| Box::pin(as_many_as_wanted(trial))),
    ("each of a small swarm is as likely as any other", |trial| Box::pin(a_fair_choice(trial, 40, v4))),
    ("each of a crowd is as likely as any other", |trial| Box::pin(a_fair_choice(trial, 1_500, v4))),
    ("each of an IPv6 crowd is as likely as any other", |trial| Box::pin(a_fair_choice(trial, 600, v6))),
    ("a swarm grows large and shrinks away", |trial| Box::pin(a_swarm_comes_and_goes(trial))),
];

async fn as_many_as_wanted(trial: &mut Trial) -> Result<(), Mismatch> {
    for size in [1, 2, 7, 60, 400] {
        let torrent = trial.torrent();
        fill(trial, torrent, size, v4).await?;
        for wanted in [0, 1, 2, 7, 30, 50, 200, u32::MAX] {
            let want = Want { peers: wanted, both_families: false };
            let told = trial.announce(Announce { want, ..present(torrent, v4(0), Role::Downloader) }).await?;
            let must = usize::from(size - 1).min(wanted as usize);
            equal(&format!("peers of {size}, {wanted} wanted"), &told.peers.len(), &must)?;
        }
    }
    Ok(())
}

/// Chi-square per degree of freedom is near 1 for a fair choice. Members of one choice may depend on each other (a store may
/// take neighbours together), which spreads it; twice as much is unfair all the same.
async fn a_fair_choice(trial: &mut Trial, size: u16, endpoint: fn(u16) -> Endpoint) -> Result<(), Mismatch> {
    const WANTED: u32 = 10;
    const CHOICES: usize = 3_000;
    let torrent = trial.torrent();
    fill(trial, torrent, size, endpoint).await?;
    let mut seen: BTreeMap<Endpoint, u32> = (1..size).map(|number| (endpoint(number), 0)).collect();
    let want = Want { peers: WANTED, both_families: false };
    let request = Announce { want, ..present(torrent, endpoint(0), Role::Downloader) }.into();
    for _ in 0..CHOICES / 60 {
        let batch = trial.ask(&[request; 60]).await?;
        for index in 0..60 {
            for peer in told(&batch, index)?.peers {
                *seen.get_mut(&peer).ok_or_else(|| Mismatch(format!("{peer} is not on offer")))? += 1;
            }
        }
    }
    let mean = f64::from(WANTED) * CHOICES as f64 / f64::from(size - 1);
    let square: f64 = seen.values().map(|&count| (f64::from(count) - mean).powi(2) / mean).sum();
    let measure = square / f64::from(size - 2);
    let least = seen.values().min().copied().unwrap_or_default();
    if measure < 2.0 {
        return Ok(());
    }
    Err(Mismatch(format!(
        "chi-square is {measure:.1} per degree of freedom; the least lucky came {least} times, {mean:.0} is fair"
    )))
}

async fn a_swarm_comes_and_goes(trial: &mut Trial) -> Result<(), Mismatch> {
    const PEERS: u16 = 900;
    let torrent = trial.torrent();
    fill(trial, torrent, PEERS, v4).await?;
    for left in (0..PEERS).rev() {
        let told = trial.leave(torrent, v4(left)).await?;
        equal("leechers", &told.counts.leechers, &left.into())?;
        if left > 1 && left.is_multiple_of(100) {
            let told = trial.present(torrent, v4(0), Role::Downloader).await?;
            equal("peers left", &told.peers, &(1..left).map(v4).collect())?;
        }
    }
    Ok(())
}

/// So many downloaders, in any order.
async fn fill(trial: &mut Trial, torrent: InfoHash, size: u16, endpoint: fn(u16) -> Endpoint) -> Result<(), Mismatch> {
    let mut numbers: Vec<_> = (0..size).collect();
    for last in (1..numbers.len()).rev() {
        numbers.swap(last, trial.rng.random_range(0..=last));
    }
    for numbers in numbers.chunks(64) {
        let requests: Vec<_> = numbers
            .iter()
            .map(|&number| {
                Announce { want: Want::default(), ..present(torrent, endpoint(number), Role::Downloader) }.into()
            })
            .collect();
        trial.ask(&requests).await?;
    }
    Ok(())
}
