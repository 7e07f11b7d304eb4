//! What came of an overload.

use std::fmt;
use std::time::Duration;

use super::Load;

/// What came of an overload.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What the tracker had of one processor.
    pub percent: u32,
    /// How it was confined to that.
    pub means: &'static str,
    /// Whether it was confined to just that, not to about that.
    pub is_exact: bool,
    /// By round: at the tracker's pace; at twice that; at a quarter of it beside garbage.
    pub rounds: Vec<[Load; 3]>,
    /// By round: garbage a second.
    pub garbage: Vec<f64>,
    /// How long each announce over HTTP waited, all the while.
    pub http: Vec<Duration>,
}

impl Report {
    /// Panics where a promise is broken.
    pub fn assert_fair(&self) {
        let kept = self.kept();
        assert!(kept >= LEAST_KEPT, "useful answers fall to {kept:.2} of the peak\n{self}");
        let offered = self.median(|[peak, twice, _]| twice.offered / peak.useful);
        assert!(offered > 1.9, "only {offered:.2} × the peak was offered\n{self}");
        let beside = self.beside();
        assert!(beside >= LEAST_KEPT, "beside garbage only {beside:.2} are answered\n{self}");
        assert!(self.http.len() > 10, "HTTP was answered {} times\n{self}", self.http.len());
    }

    /// Useful answers at twice the load beside those at the tracker's own pace; where it had now more of the processor and now
    /// less, for what it had.
    fn kept(&self) -> f64 {
        let all = |load: &Load| if self.is_exact { load.useful } else { load.useful / load.used.max(0.01) };
        self.median(|[peak, twice, _]| all(twice) / all(peak))
    }

    /// Of the clients beside garbage, those who were answered.
    fn beside(&self) -> f64 {
        self.median(|[_, _, beside]| beside.useful / beside.offered)
    }

    fn median(&self, ratio: impl Fn(&[Load; 3]) -> f64) -> f64 {
        let mut ratios: Vec<_> = self.rounds.iter().map(ratio).collect();
        ratios.sort_unstable_by(f64::total_cmp);
        ratios.get(ratios.len() / 2).copied().unwrap_or_default()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} % of a processor, by {}", self.percent, self.means)?;
        for ([peak, twice, beside], garbage) in self.rounds.iter().zip(&self.garbage) {
            writeln!(
                f,
                "at its pace: {peak}\n   at twice: {twice}\n     beside: {beside}, and {garbage:.0} of garbage"
            )?;
        }
        let (kept, beside) = (self.kept(), self.beside());
        writeln!(f, "kept: {kept:.2} of the peak; {beside:.2} of those beside garbage are answered")?;
        let mut http = self.http.clone();
        http.sort_unstable();
        let of = |hundredths: usize| http.get(http.len() * hundredths / 100).copied().unwrap_or_default();
        write!(f, "HTTP: {} announces, median {:.1?}, 99 % under {:.1?}", http.len(), of(50), of(99))
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offered, useful, used, waits: (half, most) } = self;
        write!(
            f,
            "{useful:.0} answers/s of {offered:.0} asked, {used:.2} of a processor, median {half:.1?}, 99 % under {most:.1?}"
        )
    }
}

/// What is promised (SECURITY.md).
const LEAST_KEPT: f64 = 0.9;
