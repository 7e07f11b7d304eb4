//! What a choice among many must be like.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;

use super::trial::{Trial, equal, present, told, v4, v6};
use super::{Behaviour, Mismatch};
use crate::bittorrent::{Endpoint, Family, InfoHash};
use crate::storage::{Announce, Role, Want};

pub(super) const ALL: &[Behaviour] = &[
    ("as many peers as are wanted, or as there are", |trial| Box::pin(as_many_as_wanted(trial))),
    ("each of a small swarm is as likely as any other", |trial| Box::pin(a_fair_choice(trial, downloaders(40, v4)))),
    ("each of a crowd is as likely as any other", |trial| Box::pin(a_fair_choice(trial, downloaders(1_500, v4)))),
    ("each of an IPv6 crowd is as likely as any other", |trial| Box::pin(a_fair_choice(trial, downloaders(600, v6)))),
    ("seeders are offered each downloader as likely as any other", |trial| Box::pin(a_fair_choice_for_seeders(trial))),
    ("each of both families is as likely as any other of its own", |trial| Box::pin(a_fair_choice_of_both(trial))),
    ("a swarm grows large and shrinks away", |trial| Box::pin(a_swarm_comes_and_goes(trial))),
];

async fn as_many_as_wanted(trial: &mut Trial) -> Result<(), Mismatch> {
    for size in [1, 2, 7, 60, 400] {
        let torrent = trial.torrent();
        fill(trial, torrent, downloaders(size, v4).members).await?;
        for wanted in [0, 1, 2, 7, 30, 50, 200, u32::MAX] {
            let want = Want { peers: wanted, both_families: false };
            let told = trial.announce(Announce { want, ..present(torrent, v4(0), Role::Downloader) }).await?;
            let must = usize::from(size - 1).min(wanted as usize);
            equal(&format!("peers of {size}, {wanted} wanted"), &told.peers.len(), &must)?;
        }
    }
    Ok(())
}

async fn a_fair_choice_for_seeders(trial: &mut Trial) -> Result<(), Mismatch> {
    for half in [30, 300] {
        let seeders = (half..2 * half).map(|number| (v4(number), Role::Seeder));
        let members = downloaders(half, v4).members.into_iter().chain(seeders).collect();
        let requester = Requester { peer: v4(half), role: Role::Seeder, both_families: false };
        a_fair_choice(trial, Swarm { members, requester }).await?;
    }
    Ok(())
}

async fn a_fair_choice_of_both(trial: &mut Trial) -> Result<(), Mismatch> {
    for size in [30, 500] {
        let members = [downloaders(size, v4).members, downloaders(size, v6).members].concat();
        let requester = Requester { peer: v6(0), role: Role::Downloader, both_families: true };
        a_fair_choice(trial, Swarm { members, requester }).await?;
    }
    Ok(())
}

/// A swarm, and one of it who asks for peers.
struct Swarm {
    members: Vec<(Endpoint, Role)>,
    requester: Requester,
}

struct Requester {
    peer: Endpoint,
    role: Role,
    both_families: bool,
}

/// So many downloaders; the first one asks for others of its family.
fn downloaders(size: u16, endpoint: fn(u16) -> Endpoint) -> Swarm {
    let members = (0..size).map(|number| (endpoint(number), Role::Downloader)).collect();
    Swarm { members, requester: Requester { peer: endpoint(0), role: Role::Downloader, both_families: false } }
}

async fn a_fair_choice(trial: &mut Trial, swarm: Swarm) -> Result<(), Mismatch> {
    const CHOICES: usize = 2_400;
    let Swarm { members, requester: Requester { peer, role, both_families } } = swarm;
    let torrent = trial.torrent();
    fill(trial, torrent, members.clone()).await?;
    let offered = |&&(member, its): &&(Endpoint, Role)| {
        let family = both_families || member.family() == peer.family();
        member != peer && family && (role == Role::Downloader || its == Role::Downloader)
    };
    let mut seen: BTreeMap<Endpoint, u32> = members.iter().filter(offered).map(|&(member, _)| (member, 0)).collect();
    let want = Want { peers: 10, both_families };
    let request = Announce { want, ..present(torrent, peer, role) }.into();
    for _ in 0..CHOICES / 60 {
        let batch = trial.ask(&[request; 60]).await?;
        for index in 0..60 {
            for peer in told(&batch, index)?.peers {
                *seen.get_mut(&peer).ok_or_else(|| Mismatch(format!("{peer} is not on offer")))? += 1;
            }
        }
    }
    Family::BOTH.into_iter().try_for_each(|family| {
        let of_family = seen.iter().filter(|(peer, _)| peer.family() == family);
        is_fair(family, &of_family.map(|(_, &times)| f64::from(times)).collect::<Vec<_>>())
    })
}

/// Chi-square per degree of freedom is near 1 for a fair choice. Members of one choice may depend on each other (a store may
/// take neighbours together), which spreads it; twice as much is unfair all the same.
fn is_fair(family: Family, times: &[f64]) -> Result<(), Mismatch> {
    let mean = times.iter().sum::<f64>() / times.len().max(1) as f64;
    let square: f64 = times.iter().map(|times| (times - mean).powi(2) / mean).sum();
    let measure = square / times.len().saturating_sub(1).max(1) as f64;
    // Of a family that is not on offer there is nobody to be unfair to.
    if times.is_empty() || measure < 2.0 {
        return Ok(());
    }
    let least = times.iter().copied().fold(f64::INFINITY, f64::min);
    Err(Mismatch(format!(
        "{family:?}: chi-square is {measure:.1} per degree of freedom; the least lucky came {least} times, {mean:.0} is fair"
    )))
}

async fn a_swarm_comes_and_goes(trial: &mut Trial) -> Result<(), Mismatch> {
    const PEERS: u16 = 900;
    let torrent = trial.torrent();
    fill(trial, torrent, downloaders(PEERS, v4).members).await?;
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

/// Has them come in any order.
async fn fill(trial: &mut Trial, torrent: InfoHash, mut members: Vec<(Endpoint, Role)>) -> Result<(), Mismatch> {
    members.shuffle(&mut trial.rng);
    for members in members.chunks(64) {
        let comes = |&(member, role)| Announce { want: Want::default(), ..present(torrent, member, role) }.into();
        trial.ask(&members.iter().map(comes).collect::<Vec<_>>()).await?;
    }
    Ok(())
}
