//! How large a swarm is.

/// The members of one family's swarm, and the torrent's completed downloads (BEP 48, "The tracker's reply").
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Peers that have everything.
    pub seeders: u32,
    /// Peers that lack something, partial seeds among them.
    pub leechers: u32,
    /// Those leechers that still download (BEP 21, "Tracker scrape").
    pub downloaders: u32,
    /// Downloads completed since the tracker has known the torrent, over both families.
    pub completed: u32,
}
