//! How many new entries each source network may bring in, counted in memory whose size no source can change.
//!
//! A network has a bucket that drains as many times a second as it may bring in entries, and overflows when it brings in more.
//! Nobody's bucket is kept as such: each network has a place in every one of [`ROWS`] rows of counts, shared with some others
//! (a count-min sketch, with conservative updates). The lowest of its counts is its own or higher, so nobody exceeds the limit;
//! and only who shares every one of its places with somebody who does is held back too.

use std::iter::zip;

use super::key::Key;
use super::ports::network;
use crate::bittorrent::Endpoint;
use crate::clock::Now;
use crate::storage::Limits;
use crate::sync::{AtomicU64, Ordering};

/// The buckets of all networks.
#[derive(Debug)]
pub(super) struct Networks {
    key: Key,
    per_second: u32,
    burst: u32,
    rows: [Box<[AtomicU64]>; ROWS],
}

impl Networks {
    /// Nothing where there is no limit.
    pub(super) fn new(limits: Limits, key: Key) -> Option<Self> {
        let row = || (0..PLACES).map(|_| AtomicU64::new(0)).collect();
        let Limits { new_entries_per_second: per_second, new_entries_burst: burst, .. } = limits;
        (per_second > 0).then(|| Self { key, per_second, burst, rows: std::array::from_fn(|_| row()) })
    }

    /// Counts a new entry from the network of `peer`, unless that has brought in as many as it may.
    pub(super) fn admit(&self, peer: &Endpoint, now: Now) -> bool {
        let places = self.key.hash(network(peer.as_bytes())).parts().map(|part| usize::from(part) % PLACES);
        let cells: [&AtomicU64; ROWS] = std::array::from_fn(|row| &self.rows[row][places[row]]);
        let counts = cells.map(|cell| Count::of(cell.load(Ordering::Relaxed)).drained(now, self.per_second));
        let least = counts.iter().map(|count| count.entries).min().unwrap_or_default();
        if least >= self.burst {
            return false;
        }
        for (cell, count) in zip(cells, counts).filter(|(_, count)| count.entries == least) {
            // Two workers at once may count one entry where there are two; nobody gains much by that.
            cell.store(Count { entries: least + 1, ..count }.bits(), Ordering::Relaxed);
        }
        true
    }
}

/// How full a bucket was, and when.
#[derive(Clone, Copy)]
struct Count {
    entries: u32,
    at: Now,
}

impl Count {
    fn of(bits: u64) -> Self {
        let [a, b, c, d, seconds @ ..] = bits.to_le_bytes();
        Self { entries: u32::from_le_bytes([a, b, c, d]), at: Now(u32::from_le_bytes(seconds)) }
    }

    fn bits(self) -> u64 {
        u64::from(self.at.0) << 32 | u64::from(self.entries)
    }

    fn drained(self, now: Now, per_second: u32) -> Self {
        match now.seconds_since(self.at) {
            // An empty one has no past. With another the time never goes back, or a second would drain it twice.
            0 if self.entries > 0 => self,
            seconds => Self { entries: self.entries.saturating_sub(seconds.saturating_mul(per_second)), at: now },
        }
    }
}

/// Places of a network.
const ROWS: usize = 4;

/// Places of a row: half a megabyte in all. To fill a tenth of them takes some thousand networks at their limit, and then one
/// innocent network in ten thousand is held back.
const PLACES: usize = 1 << 14;

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::super::ports::Ports;
    use super::*;

    fn networks(per_second: u32, burst: u32) -> Networks {
        let limits = Limits { new_entries_per_second: per_second, new_entries_burst: burst, ..Limits::default() };
        Networks::new(limits, Key::new(b"0123456789abcdef", Ports::default())).unwrap()
    }

    /// How many of so many are admitted.
    fn admitted(networks: &Networks, peer: Endpoint, tries: u32, now: u32) -> usize {
        (0..tries).filter(|_| networks.admit(&peer, Now(now))).count()
    }

    fn v4(number: u32) -> Endpoint {
        Endpoint::new(Ipv4Addr::from_bits(number).into(), 7)
    }

    #[test]
    fn a_network_has_its_burst_and_then_its_rate() {
        for start in [0, 1_800_000_000, u32::MAX - 2] {
            let networks = networks(10, 100);
            let at = |seconds: u32| start.wrapping_add(seconds);
            assert_eq!(admitted(&networks, v4(1), 500, at(0)), 100);
            assert_eq!(admitted(&networks, v4(1), 500, at(1)), 10);
            // A worker whose clock is a second behind gains nothing, and neither does the next.
            assert_eq!(admitted(&networks, v4(1), 500, at(0)), 0);
            assert_eq!(admitted(&networks, v4(1), 500, at(1)), 0);
            assert_eq!(admitted(&networks, v4(1), 500, at(4)), 30);
            assert_eq!(admitted(&networks, v4(1), 5, at(5)), 5);
            assert_eq!(admitted(&networks, v4(1), 500, at(5)), 5);
            assert_eq!(admitted(&networks, v4(1), 500, at(2_000_000)), 100);
        }
    }

    #[test]
    fn an_ipv4_address_is_a_network_and_an_ipv6_64_is() {
        let networks = networks(1, 3);
        let v6 = |network: u16, host: u16| Endpoint::new(Ipv6Addr::new(1, 2, 3, network, 5, 6, 7, host).into(), host);
        assert_eq!((0..9).filter(|&host| networks.admit(&v6(4, host), Now(0))).count(), 3);
        assert_eq!((0..9).filter(|&host| networks.admit(&v6(5, host), Now(0))).count(), 3);
        assert_eq!([1, 2, 1].map(|address| admitted(&networks, v4(address), 2, 0)), [2, 2, 1]);
    }

    /// Those who exceed the limit are many; whoever does not is held back for them once in thousands of times.
    #[test]
    fn the_innocent_are_not_held_back_for_others() {
        let networks = networks(1, 50);
        for attacker in 0..1_600 {
            assert!(admitted(&networks, v4(attacker), 100, 0) <= 50);
        }
        let innocent = 1_000_000..1_020_000;
        let held_back = innocent.filter(|&number| !networks.admit(&v4(number), Now(0))).count();
        assert!(held_back <= 10, "{held_back} of 20000");
    }
}
