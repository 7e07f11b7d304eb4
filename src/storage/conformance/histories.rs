//! Random histories, compared with a model after every step.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::SmallRng;

use super::trial::{Trial, v4, v6};
use super::{Behaviour, Checked, Mismatch, Rules, Time};
use crate::bittorrent::{Family, InfoHash};
use crate::storage::{Announce, Change, Request, Role, Scrape, Want};

pub(super) const ALL: &[Behaviour] =
    &[("random histories end as those of a plain model", |trial| Box::pin(histories(trial)))];

async fn histories(trial: &mut Trial) -> Result<(), Mismatch> {
    for _ in 0..HISTORIES {
        let torrents = [(); 3].map(|()| trial.torrent());
        let pool = [4, 40, 300][trial.rng.random_range(0..3)];
        let rules = match trial.time {
            Time::Given => Rules::of_any(trial.lifetime.as_secs()),
            // No time passes that would matter: what a store forgets by its own clock is tried apart.
            Time::Own => Rules::of_any(Duration::from_secs(100_000).as_secs()),
        };
        let mut checked = Checked::new(Arc::clone(&trial.store), rules, trial.now).among_others();
        for _ in 0..STEPS {
            let requests =
                (0..trial.rng.random_range(1..=64)).map(|_| request(&mut trial.rng, &torrents, pool)).collect();
            checked.apply(0, vec![requests]).await?;
            if trial.time == Time::Given && trial.rng.random_ratio(1, 4) {
                checked.wait(trial.rng.random_range(1..=rules.lifetime)).await?;
            }
        }
        if trial.time == Time::Given {
            checked.wait(3 * rules.lifetime).await?;
        }
        trial.now = checked.now();
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
