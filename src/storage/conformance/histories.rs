//! Random histories, compared with a model after every step.

use std::sync::Arc;

use rand::RngExt;
use rand::rngs::SmallRng;

use super::trial::{Trial, v4, v6};
use super::{Behaviour, Checked, Mismatch, Rules, Seconds, Time};
use crate::bittorrent::{Family, InfoHash};
use crate::storage::{Announce, Change, Request, Role, Scrape, Want};

pub(super) const ALL: &[Behaviour] =
    &[("random histories end as those of a plain model", |trial| Box::pin(histories(trial)))];

async fn histories(trial: &mut Trial) -> Result<(), Mismatch> {
    let rules = Rules::of_any(trial.lifetime.as_secs());
    for _ in 0..HISTORIES {
        let mut checked = Checked::new(Arc::clone(&trial.store), rules, trial.now()).among_others();
        history(trial, &mut checked, STEPS, 0).await?;
    }
    Ok(())
}

/// Histories of a few lifetimes each; in real time there is but one of them.
pub(super) async fn timed(trial: &mut Trial) -> Result<(), Mismatch> {
    let lifetime = trial.lifetime.as_secs();
    match trial.time {
        Time::Given => {
            for _ in 0..HISTORIES {
                let rules = Rules::of_any(lifetime);
                let mut checked = Checked::new(Arc::clone(&trial.store), rules, trial.now()).among_others();
                history(trial, &mut checked, STEPS, lifetime / 4).await?;
                checked.wait(3 * lifetime).await?;
                // The next begins as after a whole pass of sweeps.
                checked.sweep(0, rules.sweeps_per_pass).await?;
                trial.go_on_at(checked.now());
            }
            Ok(())
        }
        Time::Own => {
            for _ in 1..ATTEMPTS {
                match timed_once(trial, lifetime).await {
                    (Err(_), true) => {}
                    (outcome, _) => return outcome,
                }
            }
            timed_once(trial, lifetime).await.0
        }
    }
}

/// A history in real time, and whether the machine was too busy for it.
async fn timed_once(trial: &mut Trial, lifetime: Seconds) -> (Result<(), Mismatch>, bool) {
    let rules = Rules::in_real_time(lifetime);
    let checked = Checked::new(Arc::clone(&trial.store), rules, trial.now()).among_others();
    let mut checked = checked.in_real_time();
    let mut outcome = history(trial, &mut checked, STEPS_IN_REAL_TIME, lifetime / 2).await;
    if outcome.is_ok() {
        outcome = checked.wait(rules.lifetime + rules.slack + 1).await;
    }
    (outcome, checked.is_late())
}

/// So many steps, and up to so many seconds between two of them.
async fn history(trial: &mut Trial, checked: &mut Checked, steps: usize, pause: Seconds) -> Result<(), Mismatch> {
    let torrents = [(); 3].map(|()| trial.torrent());
    let pool = [4, 40, 300][trial.rng.random_range(0..3)];
    for _ in 0..steps {
        let requests = (0..trial.rng.random_range(1..=64)).map(|_| request(&mut trial.rng, &torrents, pool)).collect();
        checked.apply(0, vec![requests]).await?;
        if pause > 0 {
            checked.wait(trial.rng.random_range(0..=pause)).await?;
        }
    }
    Ok(())
}

fn request(rng: &mut SmallRng, torrents: &[InfoHash], pool: u16) -> Request {
    let info_hash = torrents[rng.random_range(0..torrents.len())];
    if rng.random_ratio(1, 10) {
        return Scrape { info_hash, family: Family::BOTH[rng.random_range(0..2)] }.into();
    }
    let number = rng.random_range(0..pool);
    let peer = if rng.random() { v4(number) } else { v6(number) };
    let role = [Role::Downloader, Role::Seeder, Role::PartialSeed][rng.random_range(0..3)];
    let change = match rng.random_range(0..10) {
        0..7 => Change::Present { role, completed: rng.random() },
        7 | 8 => Change::Absent,
        _ => Change::Unchanged { role },
    };
    let want = Want { peers: rng.random_range(0..=80), both_families: rng.random() };
    Announce { info_hash, peer, change, want }.into()
}

const HISTORIES: usize = 12;
const STEPS: usize = 20;
const STEPS_IN_REAL_TIME: usize = 10;

/// Histories begun before a machine is given up that is busy in each of them.
const ATTEMPTS: usize = 8;
