//! What came of the garbage, as a table.

use std::fmt;

use super::Kind;

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// The account of each kind.
    pub rows: Vec<(Kind, Row)>,
    /// The tracker's resident memory after the first hundredth, and at the end.
    pub resident_kibibytes: (u64, u64),
    /// How long it took.
    pub seconds: f64,
}

/// The account of one kind of datagram.
#[derive(Clone, Copy, Debug, Default)]
pub struct Row {
    /// Datagrams sent.
    pub sent: u64,
    /// Their bytes.
    pub sent_bytes: u64,
    /// Replies received.
    pub replies: u64,
    /// Their bytes.
    pub reply_bytes: u64,
    /// The reply that is the largest beside its request, and that request, in bytes.
    pub largest: Option<(usize, usize)>,
}

impl Row {
    pub(super) fn add_reply(&mut self, reply: usize, request: usize) {
        self.replies += 1;
        self.reply_bytes += reply as u64;
        self.keep_largest((reply, request));
    }

    fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.sent_bytes += other.sent_bytes;
        self.replies += other.replies;
        self.reply_bytes += other.reply_bytes;
        other.largest.iter().for_each(|&pair| self.keep_largest(pair));
    }

    fn keep_largest(&mut self, (reply, request): (usize, usize)) {
        if self.largest.is_none_or(|(most, its_request)| reply * its_request > most * request) {
            self.largest = Some((reply, request));
        }
    }
}

impl Report {
    /// All kinds together.
    pub fn total(&self) -> Row {
        let mut total = Row::default();
        self.rows.iter().for_each(|(_, row)| total.add(row));
        total
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<15}{:>10}{:>14}{:>10}{:>13}  largest", "kind", "sent", "bytes", "replies", "bytes")?;
        for (kind, row) in &self.rows {
            writeln!(f, "{:<15}{row}", format!("{kind:?}"))?;
        }
        let total = self.total();
        writeln!(f, "{:<15}{total}", "total")?;
        let (before, after) = self.resident_kibibytes;
        #[expect(clippy::cast_precision_loss, reason = "a rate is rounded")]
        let rate = total.sent as f64 / self.seconds;
        writeln!(f, "memory: {before} KiB after the first hundredth, {after} KiB at the end")?;
        write!(f, "{:.1} s, {rate:.0} datagrams/s", self.seconds)
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>10}{:>14}{:>10}{:>13}  ", self.sent, self.sent_bytes, self.replies, self.reply_bytes)?;
        match self.largest {
            Some((reply, request)) => write!(f, "{reply} bytes to {request}"),
            None => write!(f, "-"),
        }
    }
}
