//! Lines of the table.

use std::time::Duration;

use chihaya::bittorrent::Family;
use chihaya_benches::micro::{Crowd, Lap};
use chihaya_benches::spread::Spread;

/// What the following lines are about.
pub(crate) fn title(text: &str) {
    println!("\n{text}\n{:<44} {:>9} {:>19} {:>9}", "", "CPU ns", "least to most", "wall ns");
}

/// The crowd, in words.
pub(crate) fn crowd(crowd: &Crowd) -> String {
    let Crowd { family, want, seeders_percent } = crowd;
    format!("{}, {want} wanted, {seeders_percent} % seeders", self::family(*family))
}

/// The family's name.
pub(crate) fn family(family: Family) -> &'static str {
    match family {
        Family::V4 => "IPv4",
        Family::V6 => "IPv6",
    }
}

/// One measure in several rounds: nanoseconds each.
#[derive(Default)]
pub(crate) struct Rounds {
    cpu: Spread,
    wall: Spread,
}

impl Rounds {
    /// One round more, in which something was done so often.
    pub(crate) fn add(&mut self, (lap, count): (Lap, u32)) {
        self.cpu.push(nanos(lap.cpu) / f64::from(count));
        self.wall.push(nanos(lap.wall) / f64::from(count));
    }

    /// The middle one of all rounds, in processor time.
    pub(crate) fn median(&self) -> f64 {
        self.cpu.median()
    }

    /// One line.
    pub(crate) fn print(&self, name: &str) {
        let range = format!("{:.1} to {:.1}", self.cpu.min(), self.cpu.max());
        println!("{name:<44} {:>9.1} {range:>19} {:>9.1}", self.median(), self.wall.median());
    }
}

/// As a number to calculate with.
pub(crate) fn nanos(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e9
}
