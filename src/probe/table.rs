//! What came back, for people: a word to the left of each value.

use std::fmt::Write;

use super::report::{Announced, Outcome, Probe, Report, Scraped, Timing, family_name};

/// A table's rows; without a word a row goes on with the one before.
pub(super) struct Table(String);

impl Table {
    /// A table below a line of its own.
    pub(super) fn below(title: &str) -> Self {
        Self(format!("{title}\n"))
    }

    pub(super) fn row(&mut self, word: &str, value: impl std::fmt::Display) {
        // To a string it always succeeds.
        let _ = writeln!(self.0, "{word:<WIDTH$}{value}");
    }

    /// A row where there is something to say.
    fn row_of<T: std::fmt::Display>(&mut self, word: &str, value: Option<T>, unit: &str) {
        if let Some(value) = value {
            self.row(word, format_args!("{value}{unit}"));
        }
    }

    fn gap(&mut self) {
        self.0.push('\n');
    }

    pub(super) fn written(self) -> String {
        self.0
    }
}

/// What has rows in a table.
pub(super) trait Rows {
    fn rows(&self, table: &mut Table);
}

/// The whole report: a table for each family.
pub(super) fn written<T: Rows>(report: &Report<'_, T>) -> String {
    let mut table = Table::below(&report.url.to_string());
    if let [only] = report.info_hashes.as_slice() {
        table.row("info hash", only);
    }
    for probe in &report.probes {
        table.gap();
        probe.rows(&mut table);
    }
    table.written()
}

impl<T: Rows> Rows for Probe<T> {
    fn rows(&self, table: &mut Table) {
        if let (Some(family), Some(address)) = (self.family, self.address) {
            let others = if self.others == 0 { String::new() } else { format!(", the first of {}", self.others + 1) };
            table.row(family_name(family), format_args!("{address}{others}"));
        }
        match &self.outcome {
            Outcome::Answered(answer) => answer.rows(table),
            Outcome::Failed(error) => table.row("failed", error),
            Outcome::PassedOver(error) => table.row("passed over", error),
        }
    }
}

impl Rows for Timing {
    fn rows(&self, table: &mut Table) {
        let connect = self.connect_milliseconds.map(|connect| format!(", of it {connect} ms to connect"));
        table.row("answered", format_args!("in {} ms{}", self.milliseconds, connect.unwrap_or_default()));
        // Over UDP two are what it takes.
        if self.tries > 2 {
            table.row("", format_args!("{} packets were sent, for not all were answered", self.tries));
        }
    }
}

impl Rows for Announced {
    fn rows(&self, table: &mut Table) {
        self.timing.rows(table);
        table.row_of("interval", self.interval_seconds, " s");
        table.row_of("min interval", self.min_interval_seconds, " s");
        table.row_of("seeders", self.seeders, "");
        table.row_of("leechers", self.leechers, "");
        table.row_of("completed", self.completed, "");
        table.row_of("external IP", self.external_address, "");
        table.row_of("tracker id", self.tracker_id.as_ref().map(|id| format!("\"{id}\"")), "");
        table.row_of("warning", self.warning.as_ref().map(|warning| format!("\"{warning}\"")), "");
        table.row("peers", self.peers.len() + self.other_peers);
        self.peers.iter().take(MOST_PEERS).for_each(|peer| table.row("", peer));
        match self.peers.len().saturating_sub(MOST_PEERS) {
            0 => {}
            more => table.row("", format_args!("and {more} more; --json prints all")),
        }
        if self.other_peers > 0 {
            table.row("", format_args!("and {} without an address", self.other_peers));
        }
        if self.stray_bytes > 0 {
            table.row("", format_args!("and {} bytes that are no peer of this family", self.stray_bytes));
        }
        match self.left {
            None => {}
            Some(true) => table.row("left again", "yes"),
            Some(false) => {
                table.row("left again", "no answer to event=stopped; the tracker may keep this peer for a while")
            }
        }
    }
}

impl Rows for Scraped {
    fn rows(&self, table: &mut Table) {
        self.timing.rows(table);
        table.row_of("min interval", self.min_interval_seconds, " s");
        let count = |count: Option<u64>| count.map_or("-".into(), |count| count.to_string());
        for (position, torrent) in self.torrents.iter().enumerate() {
            if let [_, _, ..] = self.torrents[..] {
                if position > 0 {
                    table.gap();
                }
                table.row("info hash", &torrent.info_hash);
            }
            table.row("seeders", count(torrent.seeders));
            table.row("leechers", count(torrent.leechers));
            table.row("completed", count(torrent.completed));
            table.row_of("downloaders", torrent.downloaders, "");
        }
    }
}

/// Longer than each word.
const WIDTH: usize = 14;

/// Peers that a table lists: what fits a screen.
const MOST_PEERS: usize = 20;
