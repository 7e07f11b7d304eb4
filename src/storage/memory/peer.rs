//! One peer as it is kept: its compact bytes and a 16-bit stamp.

use std::time::Duration;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::bucket::Entry;
use super::key::{Hash, Key};
use crate::clock::Now;
use crate::storage::Role;

/// A peer of one family: `N` is 6 or 18. No padding: 8 or 20 bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Peer<const N: usize> {
    pub(super) endpoint: [u8; N],
    stamp: [u8; STAMP_BYTES],
}

impl<const N: usize> Peer<N> {
    pub(super) fn new(endpoint: [u8; N], stamp: Stamp) -> Self {
        Self { endpoint, stamp: stamp.0.to_ne_bytes() }
    }

    /// Whether this is the peer of that endpoint.
    pub(super) fn is(&self, endpoint: &[u8; N]) -> bool {
        // Six bytes are compared as eight, with the stamp shifted out: half the work of comparing four and two.
        let other = Self::new(*endpoint, Stamp(0));
        match (self.as_bytes().try_into(), other.as_bytes().try_into()) {
            (Ok(own), Ok(other)) => (u64::from_le_bytes(own) ^ u64::from_le_bytes(other)) << 16 == 0,
            _ => self.endpoint == *endpoint,
        }
    }

    pub(super) fn is_vacant(&self) -> bool {
        self.stamp == [0xff; 2]
    }

    pub(super) fn stamp(&self) -> Stamp {
        Stamp(u16::from_ne_bytes(self.stamp))
    }

    pub(super) fn restamp(&mut self, stamp: Stamp) {
        self.stamp = stamp.0.to_ne_bytes();
    }
}

impl<const N: usize> Entry for Peer<N> {
    /// 56 IPv4 peers in 512 bytes, or 48 IPv6 peers in 1,024.
    const BUCKET_BYTES: usize = if N == 6 { 512 } else { 1_024 };

    /// Of a role that no peer has.
    const VACANT: Self = Self { endpoint: [0; N], stamp: [0xff; 2] };

    fn hash(&self, key: &Key) -> Hash {
        key.endpoint(&self.endpoint)
    }
}

/// When a peer last announced, what it does, whether its completion can no longer count, and whether it is known by one
/// announce alone.
///
/// From the low end: 2 bits role (never 3), 1 bit settled, 1 bit fresh, 12 bits tick.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Stamp(u16);

impl Stamp {
    pub(super) fn new(tick: Tick, role: Role, settled: bool) -> Self {
        let role = match role {
            Role::Downloader => 0,
            Role::PartialSeed => 1,
            Role::Seeder => 2,
        };
        Self(tick.0 << 4 | u16::from(settled) << 2 | role)
    }

    /// The same, fresh or not.
    pub(super) fn with_fresh(self, fresh: bool) -> Self {
        Self(self.0 & !FRESH | u16::from(fresh) << FRESH.trailing_zeros())
    }

    /// It has announced once, or again at once, and not since.
    pub(super) const fn is_fresh(self) -> bool {
        self.0 & FRESH != 0
    }

    pub(super) const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    pub(super) const fn bits(self) -> u16 {
        self.0
    }

    pub(super) fn role(self) -> Role {
        match self.0 & 0b11 {
            0 => Role::Downloader,
            1 => Role::PartialSeed,
            _ => Role::Seeder,
        }
    }

    /// Its completion has been counted, or it began as a seeder and never will be.
    pub(super) fn settled(self) -> bool {
        self.0 & 0b100 != 0
    }

    pub(super) fn tick(self) -> Tick {
        Tick(self.0 >> 4)
    }
}

/// A coarse moment: 12 bits that wrap.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Tick(u16);

impl Tick {
    /// The moment that these bits tell.
    pub(super) const fn from_bits(bits: u16) -> Self {
        Self(bits % TICKS)
    }

    /// 12 bits.
    pub(super) const fn bits(self) -> u16 {
        self.0
    }
}

/// The moment of an announce, and what is needed to tell whether it renews a peer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) now: Now,
    pub(super) tick: Tick,
    /// Ticks in which another announce says no more than the first.
    soon: u16,
}

impl Moment {
    /// Whether `then` was so short a time ago that who has announced twice since may have just come. Else a flood of
    /// invented peers would only have to send everything twice.
    pub(super) fn is_soon_after(self, then: Tick) -> bool {
        self.tick.0.wrapping_sub(then.0) % TICKS < self.soon
    }
}

/// How long peers live, and with it how coarse a tick may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lifetime {
    /// A tick is 2^shift seconds: a power of two, so that ticks stay even across the wrap of the clock's 32 bits.
    shift: u32,
    ticks: u16,
}

impl Lifetime {
    /// A quarter of the ticks at most, so that a peer is swept long before its tick comes round again. Clocks tell whole
    /// seconds, so a fraction of one counts as one: a lifetime is never cut short.
    pub(super) fn new(lifetime: Duration) -> Self {
        let whole = lifetime.as_secs().saturating_add((lifetime.subsec_nanos() > 0).into());
        let seconds = u32::try_from(whole).unwrap_or(u32::MAX).max(1);
        let shift = (0..32).find(|shift| seconds.div_ceil(1 << shift) <= u32::from(TICKS) / 4).unwrap_or(31);
        let ticks = u16::try_from(seconds.div_ceil(1 << shift)).unwrap_or(TICKS / 4);
        Self { shift, ticks }
    }

    pub(super) fn tick(self, now: Now) -> Tick {
        #[expect(clippy::cast_possible_truncation, reason = "masked to the bits of a tick")]
        Tick((now.0 >> self.shift) as u16 % TICKS)
    }

    /// The moment of an announce, whose tick this is. A peer that comes again within an eighth of its lifetime has not been
    /// renewed by that: clients do so by themselves only after more.
    pub(super) fn moment(self, now: Now, tick: Tick) -> Moment {
        Moment { now, tick, soon: self.ticks / 8 }
    }

    /// Seconds within which moments of several threads, and of sweeps one after another, lie.
    pub(super) const fn near(self) -> u32 {
        (TICKS as u32 * 3 / 64) << self.shift
    }

    /// Seconds that time may go on beyond a whole pass of sweeps: more than makes everybody too old who was there then, and so
    /// few that no tick has come round by the end of the next pass.
    pub(super) fn most(self) -> u32 {
        let seconds = u64::from(TICKS - 2 * AHEAD - self.ticks) << self.shift;
        u32::try_from(seconds).unwrap_or(u32::MAX).min(u32::MAX / 2)
    }

    /// Whether something of the moment `then` has outlived the lifetime: never early, at most two ticks late.
    ///
    /// `then` may lie ahead of `now`: a worker may have read its clock, and stamped a peer, since the sweeping thread
    /// read its own.
    pub(super) fn is_over(self, then: Tick, now: Tick) -> bool {
        let age = now.0.wrapping_sub(then.0) % TICKS;
        self.ticks < age && age < TICKS - AHEAD
    }
}

/// Ticks before the count comes round.
const TICKS: u16 = 1 << 12;

/// In a stamp.
const FRESH: u16 = 0b1000;

/// Ticks that one thread's moment may be ahead of another's: far more than happens, and still few enough that a peer is
/// swept long before its age is taken for a negative one.
const AHEAD: u16 = TICKS / 8;

const _: () = assert!(size_of::<Peer<6>>() == 8 && size_of::<Peer<18>>() == 20);

/// What a peer takes beside its compact bytes.
pub(super) const STAMP_BYTES: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_keeps_its_parts() {
        for role in [Role::Seeder, Role::PartialSeed, Role::Downloader] {
            for settled in [false, true] {
                let stamp = Stamp::new(Tick(TICKS - 1), role, settled);
                for (stamp, fresh) in [(stamp, false), (stamp.with_fresh(true), true)] {
                    assert_eq!((stamp.tick(), stamp.role()), (Tick(TICKS - 1), role));
                    assert_eq!((stamp.settled(), stamp.is_fresh()), (settled, fresh));
                }
            }
        }
    }

    #[test]
    fn a_lifetime_ends_on_time_also_across_the_wrap_of_the_clock() {
        for seconds in [1, 2, 59, 3_000, 86_400, 10_000_000] {
            let lifetime = Lifetime::new(Duration::from_secs(seconds.into()));
            let tick_seconds = 1 << lifetime.shift;
            for start in [0, 1, 12_345, u32::MAX - 1, u32::MAX - seconds / 2] {
                let then = lifetime.tick(Now(start));
                let over_after = |age: u32| lifetime.is_over(then, lifetime.tick(Now(start.wrapping_add(age))));
                assert!(!over_after(0) && !over_after(seconds / 2) && !over_after(seconds), "{seconds} {start}");
                assert!(over_after(seconds + 2 * tick_seconds), "{seconds} {start}");
                assert!(over_after(2 * seconds + 2 * tick_seconds), "{seconds} {start}");
            }
        }
    }

    #[test]
    fn a_fraction_of_a_second_counts_as_one() {
        for (milliseconds, seconds) in [(0, 1), (999, 1), (1_000, 1), (1_001, 2), (2_999, 3)] {
            assert_eq!(u64::from(Lifetime::new(Duration::from_millis(milliseconds)).ticks), seconds, "{milliseconds}");
        }
        assert_eq!(Lifetime::new(Duration::MAX).ticks, Lifetime::new(Duration::from_secs(u32::MAX.into())).ticks);
    }

    #[test]
    fn what_another_thread_stamped_a_moment_later_is_not_over() {
        let lifetime = Lifetime::new(Duration::from_secs(3_000));
        for then in [0, 1, 1_000, u32::MAX] {
            let swept_at = Now(then.wrapping_sub(5));
            assert!(!lifetime.is_over(lifetime.tick(Now(then)), lifetime.tick(swept_at)), "{then}");
        }
    }
}
