//! Lines of the table.

use std::time::Duration;

use chihaya::bittorrent::Family;
use chihaya_benches::micro::{Crowd, Lap};

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

/// One measure in several rounds.
#[derive(Default)]
pub(crate) struct Rounds {
    cpu: Vec<f64>,
    wall: Vec<f64>,
}

impl Rounds {
    /// One round more, in which something was done so often.
    pub(crate) fn add(&mut self, (lap, count): (Lap, u32)) {
        self.cpu.push(nanos(lap.cpu) / f64::from(count));
        self.wall.push(nanos(lap.wall) / f64::from(count));
    }

    /// The middle one of all rounds: nanoseconds of CPU each.
    pub(crate) fn median(&self) -> f64 {
        median(&self.cpu)
    }

    /// One line.
    pub(crate) fn print(&self, name: &str) {
        let (least, most) = spread(&self.cpu);
        let range = format!("{least:.1} to {most:.1}");
        println!("{name:<44} {:>9.1} {range:>19} {:>9.1}", self.median(), median(&self.wall));
    }
}

/// The middle one; of an even number, the upper middle one.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// The least and the most.
pub(crate) fn spread(values: &[f64]) -> (f64, f64) {
    values.iter().fold((f64::MAX, 0.0), |(least, most), value| (least.min(*value), most.max(*value)))
}

/// As a number to calculate with.
pub(crate) fn nanos(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e9
}
