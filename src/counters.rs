//! What a worker has seen and done, counted where it costs next to nothing.

use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_utils::CachePadded;

macro_rules! counters {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal,)*) => {
        /// Something that is counted.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub enum Counter {
            $($(#[doc = $doc])* $name,)*
        }

        impl Counter {
            /// All of them, in the order of their blocks.
            pub const ALL: [Self; [$($text),*].len()] = [$(Self::$name),*];

            /// Its name in logs.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

counters! {
    /// UDP connects answered.
    UdpConnects = "udp_connects",
    /// UDP announces answered.
    UdpAnnounces = "udp_announces",
    /// UDP scrapes answered.
    UdpScrapes = "udp_scrapes",
    /// UDP requests refused with an error.
    UdpErrors = "udp_errors",
    /// Datagrams dropped: too short to answer.
    DroppedShort = "dropped_short",
    /// Datagrams dropped: a connect without the protocol's magic.
    DroppedMagic = "dropped_magic",
    /// Datagrams dropped: an action no client sends.
    DroppedAction = "dropped_action",
    /// Datagrams dropped: an announce under 98 bytes.
    DroppedTruncated = "dropped_truncated",
    /// Datagrams dropped: a connection id that is not, or no longer, the source's.
    DroppedConnectionId = "dropped_connection_id",
    /// Datagrams dropped: from port 0 or from an address no client can have.
    DroppedSource = "dropped_source",
    /// Replies that the kernel would not send.
    SendFailures = "send_failures",
    /// Receive calls that failed.
    ReceiveFailures = "receive_failures",
    /// HTTP connections accepted.
    HttpConnections = "http_connections",
    /// HTTP connections closed at once: too many are open.
    HttpRefused = "http_refused",
    /// HTTP connections closed for being slow or idle.
    HttpTimeouts = "http_timeouts",
    /// HTTP announces answered.
    HttpAnnounces = "http_announces",
    /// HTTP scrapes answered.
    HttpScrapes = "http_scrapes",
    /// HTTP announces and scrapes answered with a failure.
    HttpFailures = "http_failures",
    /// Accept calls that failed.
    AcceptFailures = "accept_failures",
}

/// One worker's counts: written by that worker's thread alone, read by anyone.
#[derive(Debug, Default)]
pub struct Counters(CachePadded<[AtomicU64; Counter::ALL.len()]>);

impl Counters {
    /// Counts one more. A load and a store, not an atomic addition: the block has one writer.
    pub fn count(&self, counter: Counter) {
        self.add(counter, 1);
    }

    /// Counts `amount` more.
    pub fn add(&self, counter: Counter, amount: u64) {
        let cell = &self.0[counter as usize];
        cell.store(cell.load(Ordering::Relaxed).wrapping_add(amount), Ordering::Relaxed);
    }

    /// The count so far.
    pub fn read(&self, counter: Counter) -> u64 {
        self.0[counter as usize].load(Ordering::Relaxed)
    }
}
