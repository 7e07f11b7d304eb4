//! How real clients behave, as their sources and their packets show.

use tracker_client::udp::packet;

/// What tells one program from another. Times are in milliseconds.
#[derive(Debug)]
pub(super) struct Habits {
    /// What it is called in a trace.
    pub(super) name: &'static str,
    pub(super) num_want: Option<i32>,
    /// How long it waits for the first reply.
    pub(super) patience: u64,
    /// It waits twice as long each time (BEP 15, "Time outs").
    pub(super) doubles: bool,
    /// How often it asks before it gives up for a while.
    pub(super) tries: u32,
    /// How long it uses a connection id.
    pub(super) id_life: u64,
    /// It announces no sooner, whatever it is told.
    pub(super) shortest_interval: u64,
    /// What it sends behind an announce.
    pub(super) options: Options,
    /// It speaks IPv6 to trackers.
    pub(super) ipv6: bool,
    /// It sends event 4 when it wants no more (BEP 21).
    pub(super) pauses: bool,
    /// Torrents that it scrapes at once at most.
    pub(super) scrapes: usize,
    /// It takes another key for each request.
    pub(super) new_keys: bool,
    /// It asks once, and comes back no more.
    pub(super) once: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Options {
    None,
    UrlData,
    TwoZeros,
}

impl Options {
    pub(super) fn bytes(self) -> Vec<u8> {
        match self {
            Self::None => Vec::new(),
            Self::UrlData => packet::url_data("/announce"),
            Self::TwoZeros => vec![0; 2],
        }
    }
}

const MINUTE: u64 = 60_000;

/// What most have in common.
const ORDINARY: Habits = Habits {
    name: "",
    num_want: Some(50),
    patience: 15_000,
    doubles: true,
    tries: 5,
    id_life: MINUTE,
    shortest_interval: MINUTE,
    options: Options::None,
    ipv6: true,
    pauses: false,
    scrapes: 1,
    new_keys: false,
    once: false,
};

/// Those that there are, the frequent ones more than once.
pub(super) const ALL: [Habits; 10] =
    [LIBTORRENT, LIBTORRENT, LIBTORRENT, TRANSMISSION, TRANSMISSION, ARIA2, RTORRENT, UTORRENT, HOARDER, MONITOR];

/// And so qBittorrent and Deluge.
const LIBTORRENT: Habits = Habits {
    name: "libtorrent",
    num_want: Some(200),
    shortest_interval: 5 * MINUTE,
    options: Options::UrlData,
    pauses: true,
    ..ORDINARY
};

const TRANSMISSION: Habits = Habits { name: "Transmission", num_want: Some(80), scrapes: 60, ..ORDINARY };

const ARIA2: Habits = Habits {
    name: "aria2",
    patience: 5_000,
    doubles: false,
    options: Options::TwoZeros,
    ipv6: false,
    scrapes: 0,
    new_keys: true,
    ..ORDINARY
};

/// It connects before every announce.
const RTORRENT: Habits = Habits { name: "rTorrent", id_life: 0, ..ORDINARY };

/// It uses an id for five minutes and more: as long as is promised, and no longer.
const UTORRENT: Habits = Habits { name: "µTorrent", num_want: Some(200), id_life: 6 * MINUTE, ..ORDINARY };

/// It uses an id until it gets no reply.
const HOARDER: Habits = Habits { name: "hoarder", num_want: Some(1), id_life: u64::MAX, ..ORDINARY };

/// It asks whether the tracker is up.
const MONITOR: Habits = Habits { name: "monitor", num_want: None, patience: 10_000, tries: 1, once: true, ..ORDINARY };
