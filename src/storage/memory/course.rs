//! The store's own time: its callers', but for leaps of their clock.
//!
//! Ticks come round after hours, and a sweep must have come to a peer by then. So time goes on by no more than that beyond the
//! last whole pass of sweeps. A clock that leaps further, as a machine's that has slept, has made everybody too old all the same:
//! the next sweep takes them all at once. Where a clock is set back, time goes on from where it was: nobody's is cut short.

use std::time::Duration;

use super::peer::{Lifetime, Moment, Tick};
use super::sweep::Age;
use crate::clock::Now;
use crate::storage::SWEEPS_PER_PASS;
use crate::sync::{AtomicU64, Mutex, Ordering};

/// What tells the callers' moments from the store's.
pub(super) struct Course {
    lifetime: Lifetime,
    /// A moment of the callers in the low half, and in the high half which of the store's it is: [near](Lifetime::near) it, both
    /// go on alike. It begins as if there were no difference.
    anchor: AtomicU64,
    sweeps: Mutex<Sweeps>,
}

/// How far sweeps have come. They alone move the anchor, and are of one thread.
struct Sweeps {
    begun: bool,
    /// The callers' moment of the latest sweep ...
    theirs: u32,
    /// ... which is this one of the store's.
    own: u32,
    /// When the last whole pass began, and when the one under way.
    swept: u32,
    pass: u32,
    /// Sweeps since passes were last counted from one.
    number: usize,
    /// The shard that the next sweep begins with.
    next: usize,
}

/// What one sweep is to do.
pub(super) struct Turn {
    pub(super) age: Age,
    /// So many shards from this one on.
    pub(super) first: usize,
    pub(super) shards: usize,
}

impl Course {
    pub(super) fn new(lifetime: Duration) -> Self {
        let lifetime = Lifetime::new(lifetime);
        let sweeps = Sweeps { begun: false, theirs: 0, own: 0, swept: 0, pass: 0, number: 0, next: 0 };
        Self { lifetime, anchor: AtomicU64::new(sweeps.anchor(lifetime)), sweeps: Mutex::new(sweeps) }
    }

    /// The moment of announces made at this one.
    pub(super) fn moment(&self, now: Now) -> Moment {
        self.lifetime.moment(now, self.tick(now))
    }

    /// What a peer is stamped with that announces at this moment.
    fn tick(&self, now: Now) -> Tick {
        let anchor = self.anchor.load(Ordering::Relaxed);
        let [theirs, own] = halves(anchor);
        let passed = now.0.wrapping_sub(theirs);
        if passed < 2 * self.lifetime.near() {
            return self.lifetime.tick(Now(own.wrapping_add(passed)));
        }
        self.tick_from_afar(now)
    }

    /// The same where no sweep was near: before the first, after a leap, or without sweeps.
    #[cold]
    fn tick_from_afar(&self, now: Now) -> Tick {
        let mut sweeps = self.sweeps.lock();
        self.begin(&mut sweeps, now);
        self.lifetime.tick(Now(sweeps.moment(now, self.lifetime)))
    }

    /// Begins a sweep of a store of so many shards.
    pub(super) fn sweep(&self, now: Now, shards: usize) -> Turn {
        let mut sweeps = self.sweeps.lock();
        self.begin(&mut sweeps, now);
        let moment = sweeps.go_on(now, self.lifetime);
        self.anchor.store(sweeps.anchor(self.lifetime), Ordering::Relaxed);
        let age = Age { lifetime: self.lifetime, now: self.lifetime.tick(Now(moment)) };
        let (first, shards) = sweeps.turn(moment, shards, self.lifetime);
        Turn { age, first, shards }
    }

    /// Takes the first moment that is seen for what it says.
    fn begin(&self, sweeps: &mut Sweeps, now: Now) {
        if !sweeps.begun {
            *sweeps = Sweeps { begun: true, theirs: now.0, own: now.0, swept: now.0, pass: now.0, ..*sweeps };
            self.anchor.store(sweeps.anchor(self.lifetime), Ordering::Relaxed);
        }
    }
}

impl Sweeps {
    /// The store's moment at one of the callers'.
    fn moment(&self, now: Now, lifetime: Lifetime) -> u32 {
        let passed = now.0.wrapping_sub(self.theirs);
        let back = self.theirs.wrapping_sub(now.0);
        if back <= lifetime.near() {
            return self.own.wrapping_sub(back);
        }
        // More than half of all moments ahead is a clock that was set back.
        if passed > u32::MAX / 2 {
            return self.own;
        }
        let left = self.swept.wrapping_add(lifetime.most()).wrapping_sub(self.own);
        self.own.wrapping_add(passed.min(left))
    }

    /// Takes the callers' moment for the latest, unless it is one that was read a moment before.
    fn go_on(&mut self, now: Now, lifetime: Lifetime) -> u32 {
        let moment = self.moment(now, lifetime);
        if moment.wrapping_sub(self.own) <= u32::MAX / 2 {
            (self.theirs, self.own) = (now.0, moment);
        }
        moment
    }

    /// Whose turn it is: everybody's if the last whole pass is long over.
    fn turn(&mut self, moment: u32, shards: usize, lifetime: Lifetime) -> (usize, usize) {
        let first = self.next % shards;
        let overdue = (lifetime.near()..=u32::MAX / 2).contains(&moment.wrapping_sub(self.swept));
        let number = if overdue { shards } else { shards.div_ceil(SWEEPS_PER_PASS) };
        if overdue {
            (self.swept, self.pass, self.number) = (moment, moment, 0);
        } else {
            if self.number.is_multiple_of(SWEEPS_PER_PASS) {
                (self.swept, self.pass) = (self.pass, moment);
            }
            self.number = self.number.wrapping_add(1);
        }
        self.next = first + number;
        (first, number)
    }

    fn anchor(&self, lifetime: Lifetime) -> u64 {
        let [theirs, own] = [self.theirs, self.own].map(|moment| u64::from(moment.wrapping_sub(lifetime.near())));
        theirs | own << 32
    }
}

/// The low half and the high half.
#[expect(clippy::cast_possible_truncation, reason = "taken as half of the bits")]
fn halves(bits: u64) -> [u32; 2] {
    [bits as u32, (bits >> 32) as u32]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sweep_takes_its_part_but_after_a_leap_all() {
        let at = |second: u32| Now((u32::MAX - 5_000).wrapping_add(second));
        let course = Course::new(Duration::from_secs(60));
        for second in 0..10_000 {
            let turn = course.sweep(at(second), 256);
            assert_eq!((turn.first, turn.shards), (4 * second as usize % 256, 4), "{second}");
        }
        for leap in [3_600, 86_400, 8_192 + 10_000] {
            assert_eq!(course.sweep(at(10_000 + leap), 256).shards, 256);
            course.sweep(at(10_000), 256);
        }
    }
}
