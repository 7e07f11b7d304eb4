//! `/stats.json`: a few numbers for the status page and for small programs.

use std::collections::BTreeMap;
use std::iter;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::View;
use super::history::{INTERVAL, graph};
use crate::bittorrent::{Family, PerFamily};
use crate::counters::{Counter, Outcome};
use crate::storage::{Health, Totals};

/// How the tracker does.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Stats {
    pub(super) version: &'static str,
    uptime_seconds: u64,
    pub(super) degraded: bool,
    driver: String,
    torrents: Option<u64>,
    peers: Option<BTreeMap<&'static str, u64>>,
    downloads: Option<u64>,
    requests: u64,
    errors: u64,
    dropped: u64,
    kernel_drops: u64,
    refused: u64,
    http_connections: usize,
    history_interval_seconds: u64,
    requests_per_second: Vec<f64>,
    /// As the page shows it, by the name of its place.
    pub(super) shown: BTreeMap<&'static str, String>,
}

impl View {
    /// As of a second ago at most: whoever asks more often is told the same again.
    pub(super) fn stats(&self) -> Arc<Stats> {
        let mut cache = self.cache.lock();
        if let Some((when, stats)) = &*cache
            && when.elapsed() < CACHED
        {
            return Arc::clone(stats);
        }
        let stats = Arc::new(self.count());
        *cache = Some((Instant::now(), Arc::clone(&stats)));
        stats
    }

    /// The same as JSON.
    pub fn stats_json(&self) -> String {
        serde_json::to_string(&*self.stats()).expect("numbers and texts make JSON")
    }

    /// Requests of all kinds.
    pub(super) fn requests(&self) -> u64 {
        self.sum_of(|counter| matches!(counter, Counter::Request(..)))
    }

    fn sum_of(&self, is: impl Fn(Counter) -> bool) -> u64 {
        Counter::all().filter(|counter| is(*counter)).map(|counter| self.sum(counter)).sum()
    }

    fn count(&self) -> Stats {
        let (totals, health) = (self.tracker.storage().totals(), self.tracker.storage().health());
        let roles = totals.peers.zip(totals.seeders).map(|(peers, seeders)| by_role(peers, seeders));
        let mut stats = Stats {
            version: env!("CARGO_PKG_VERSION"),
            uptime_seconds: self.started.elapsed().as_secs(),
            degraded: health.degraded,
            driver: self.driver.clone(),
            torrents: totals.torrents,
            peers: roles,
            downloads: totals.downloads,
            requests: self.requests(),
            errors: self.sum_of(|counter| matches!(counter, Counter::Response(_, _, _, Outcome::Error))),
            dropped: self.sum_of(|counter| matches!(counter, Counter::Dropped(_))),
            kernel_drops: self.sockets.iter().filter_map(super::Watched::drops).sum(),
            refused: health.refused.room + health.refused.network + health.refused.ports,
            http_connections: (self.http_connections)(),
            history_interval_seconds: INTERVAL.as_secs(),
            requests_per_second: self.history.lock().rates(),
            shown: BTreeMap::new(),
        };
        let answered = self.sum_of(|counter| matches!(counter, Counter::Response(..)));
        stats.shown = shown(&stats, totals, health, answered);
        stats
    }
}

fn by_role(peers: PerFamily<u64>, seeders: PerFamily<u64>) -> BTreeMap<&'static str, u64> {
    BTreeMap::from([
        ("ipv4_seeders", seeders.v4),
        ("ipv4_leechers", peers.v4.saturating_sub(seeders.v4)),
        ("ipv6_seeders", seeders.v6),
        ("ipv6_leechers", peers.v6.saturating_sub(seeders.v6)),
    ])
}

fn shown(stats: &Stats, totals: Totals, health: Health, answered: u64) -> BTreeMap<&'static str, String> {
    let known = |number: Option<u64>| number.map_or_else(|| "not known".into(), grouped);
    let role = |name: &str| known(stats.peers.as_ref().and_then(|peers| peers.get(name).copied()));
    let rates = &stats.requests_per_second;
    let rate = |rate: f64| if rate < 10.0 { format!("{rate:.1}") } else { grouped(whole(rate)) };
    let store = match (health.degraded, &stats.driver) {
        (false, driver) => format!("{driver}, well"),
        (true, driver) => format!("{driver}, degraded: answers from memory"),
    };
    let class = if health.degraded { "degraded" } else { "" };
    BTreeMap::from([
        ("uptime", duration(stats.uptime_seconds)),
        ("torrents", known(totals.torrents)),
        ("peers", known(totals.peers.map(|peers| Family::BOTH.into_iter().map(|family| peers[family]).sum()))),
        ("seeders4", role("ipv4_seeders")),
        ("leechers4", role("ipv4_leechers")),
        ("seeders6", role("ipv6_seeders")),
        ("leechers6", role("ipv6_leechers")),
        ("downloads", known(totals.downloads)),
        ("rate", rates.last().map_or_else(|| "–".into(), |last| rate(*last))),
        ("most", rate(rates.iter().copied().fold(0.0, f64::max))),
        ("graph", graph(rates)),
        ("store", store),
        ("class", class.into()),
        ("answered", grouped(answered)),
        ("errors", grouped(stats.errors)),
        ("dropped", grouped(stats.dropped)),
        ("lost", grouped(stats.kernel_drops)),
        ("refused", grouped(stats.refused)),
        ("connections", grouped(stats.http_connections as u64)),
    ])
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float saturates when cast")]
fn whole(rate: f64) -> u64 {
    rate.round() as u64
}

/// With a comma between each three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let first = (digits.len() + 2) % 3 + 1;
    let starts = iter::once(0).chain((first..digits.len()).step_by(3));
    let groups: Vec<_> = starts.map(|start| &digits[start..if start == 0 { first } else { start + 3 }]).collect();
    groups.join(",")
}

/// The two largest units of it.
fn duration(seconds: u64) -> String {
    let parts = [(seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
    let parts = parts.iter().skip_while(|(number, unit)| *number == 0 && *unit != "s").take(2);
    parts.map(|(number, unit)| format!("{number} {unit}")).collect::<Vec<_>>().join(" ")
}

/// However many look at once, the store is asked once a second.
const CACHED: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_times_have_two_units() {
        let numbers = [0, 999, 1_000, 12_345, 999_999, 1_234_567].map(grouped);
        assert_eq!(numbers, ["0", "999", "1,000", "12,345", "999,999", "1,234,567"]);
        let times = [0, 59, 60, 3_599, 86_400, 90_061].map(duration);
        assert_eq!(times, ["0 s", "59 s", "1 min 0 s", "59 min 59 s", "1 d 0 h", "1 d 1 h"]);
    }
}
