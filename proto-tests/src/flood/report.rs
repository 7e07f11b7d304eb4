//! What came of a flood.

use std::fmt;

use super::Plan;

/// What came of a flood.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What was done.
    pub plan: Option<Plan>,
    /// The attacker's announces, those that were answered, and the torrents in them.
    pub sent: u64,
    /// Of these, those that were answered.
    pub answered: u64,
    /// Torrents that were made up.
    pub invented: u64,
    /// Peers that are there at the end.
    pub kept: u64,
    /// Resident memory half way through, and at the end.
    pub resident_kibibytes: (u64, u64),
    /// The ordinary clients.
    pub ordinary: Account,
}

/// How the ordinary clients fared.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// Those who were there before the flood.
    pub settled: u64,
    /// Torrents of all of them, at the end.
    pub torrents: usize,
    /// Their announces that were answered.
    pub announces: u64,
    /// Torrents of theirs whose counts were looked at.
    pub looks: u64,
    /// Times that somebody was missing from a swarm that had been complete.
    pub lost: u64,
    /// The first of these.
    pub first_lost: String,
    /// Pairs that came during the flood.
    pub newcomers: u64,
    /// Of these, those who have not found each other.
    pub kept_out: u64,
}

impl Report {
    /// Panics where a promise is broken.
    pub fn assert_held(&self) {
        let plan = self.plan.expect("a flood has a plan");
        assert!(self.answered > plan.most as u64, "too little for a flood\n{self}");
        assert_eq!(self.ordinary.lost, 0, "ordinary clients are lost\n{self}");
        assert!(self.ordinary.looks > 0 && self.ordinary.announces > 2 * self.ordinary.settled, "not served\n{self}");
        assert!(self.kept * 10 <= plan.most as u64 * 11, "more is kept than may be\n{self}");
        let (before, after) = self.resident_kibibytes;
        assert!(after <= before + before / 10 + SLACK_KIBIBYTES, "memory has grown\n{self}");
        assert_eq!(self.ordinary.kept_out, 0, "newcomers are kept out\n{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sent, answered, invented, kept, .. } = self;
        let sources = self.plan.map_or(0, |plan| plan.sources);
        writeln!(f, "{sent} announces of {invented} invented torrents from {sources} sources, {answered} answered")?;
        writeln!(f, "{kept} peers kept, of {} at most", self.plan.map_or(0, |plan| plan.most))?;
        let (before, after) = self.resident_kibibytes;
        writeln!(f, "memory: {before} KiB half way through, {after} KiB at the end")?;
        let Account { settled, announces, looks, lost, first_lost, newcomers, kept_out, .. } = &self.ordinary;
        writeln!(f, "{settled} ordinary clients: {announces} announces, {looks} looks, {lost} times one was missing")?;
        if !first_lost.is_empty() {
            writeln!(f, "first: {first_lost}")?;
        }
        write!(f, "{newcomers} pairs came, {kept_out} were kept out")
    }
}

/// Beside the tenth, for what is small.
const SLACK_KIBIBYTES: u64 = 2_048;
