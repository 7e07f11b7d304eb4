//! What comes of a request, whichever way it went.

use std::{
    error::Error,
    fmt, io,
    net::{IpAddr, SocketAddr},
};

/// A tracker's answer to an announce.
///
/// Two answers over the same transport compare as a whole; for UDP against HTTP compare fields, since UDP has no place
/// for those that are `Option`s.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Announced {
    /// Seconds until the next announce.
    pub interval: u32,
    /// Peers that have everything.
    pub seeders: u32,
    /// Peers that do not.
    pub leechers: u32,
    /// The other peers, sorted; what the tracker repeats is repeated here.
    pub peers: Vec<SocketAddr>,
    /// HTTP: how often the torrent was completed.
    pub completed: Option<u32>,
    /// HTTP: no announce sooner than this, in seconds.
    pub min_interval: Option<u32>,
    /// HTTP: the address the tracker saw (BEP 24).
    pub external_ip: Option<IpAddr>,
    /// HTTP: a word to the user, beside a normal answer.
    pub warning: Option<String>,
}

/// A tracker's answer to a scrape, for one torrent.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Scraped {
    /// Peers that have everything.
    pub seeders: u32,
    /// How often the torrent was completed.
    pub completed: u32,
    /// Peers that do not have everything.
    pub leechers: u32,
    /// HTTP: leechers that still download, so all but the partial seeds (BEP 21).
    pub downloaders: Option<u32>,
}

/// When a refused client may ask again (BEP 31).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RetryIn {
    /// Not at all.
    Never,
    /// After so many minutes.
    Minutes(u32),
}

/// Why a request had no good answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Failure {
    /// Nothing came, or not all of it, before the time-out.
    Silence,
    /// The tracker closed the connection before its answer was whole.
    Closed,
    /// The tracker said no.
    Rejected {
        /// Its words.
        reason: String,
        /// HTTP: when to ask again.
        retry_in: Option<RetryIn>,
    },
    /// HTTP: a status other than 200 to an announce or a scrape.
    Status(u16),
    /// The answer is not what the protocol says.
    Malformed(Malformed),
    /// The operating system said no.
    Io(io::ErrorKind),
}

/// What is wrong with the bytes received.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Malformed(pub String);

impl Malformed {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "malformed reply: {}", self.0)
    }
}

impl Error for Malformed {}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silence => f.write_str("no reply before the time-out"),
            Self::Closed => f.write_str("connection closed before the reply was whole"),
            Self::Rejected { reason, retry_in: None } => write!(f, "rejected: {reason}"),
            Self::Rejected { reason, retry_in: Some(RetryIn::Never) } => write!(f, "rejected for ever: {reason}"),
            Self::Rejected { reason, retry_in: Some(RetryIn::Minutes(minutes)) } => {
                write!(f, "rejected for {minutes} min: {reason}")
            }
            Self::Status(status) => write!(f, "HTTP status {status}"),
            Self::Malformed(malformed) => malformed.fmt(f),
            Self::Io(kind) => kind.fmt(f),
        }
    }
}

impl Error for Failure {}

impl From<Malformed> for Failure {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, TimedOut, UnexpectedEof, WouldBlock};
        match error.kind() {
            WouldBlock | TimedOut => Self::Silence,
            BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof => Self::Closed,
            kind => Self::Io(kind),
        }
    }
}
