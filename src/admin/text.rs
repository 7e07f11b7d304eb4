//! Metrics as text, in the format of Prometheus (version 0.0.4).
//!
//! Own code, for what there is to choose from does not fit: exporters of the `metrics` crate are told each duration as it happens and
//! would have to be told on the packet path, where ours are counted in buckets already.

use std::fmt::{Display, Write};

use crate::counters::{Histogram, Spread};

/// What is written so far.
#[derive(Debug, Default)]
pub(super) struct Text(String);

/// A metric's name, whose values follow.
pub(super) struct Metric<'a> {
    text: &'a mut String,
    name: &'static str,
}

impl Text {
    /// Begins a metric that only rises.
    pub(super) fn counter(&mut self, name: &'static str, help: &str) -> Metric<'_> {
        self.begin(name, "counter", help)
    }

    /// Begins a metric that rises and falls.
    pub(super) fn gauge(&mut self, name: &'static str, help: &str) -> Metric<'_> {
        self.begin(name, "gauge", help)
    }

    /// Begins a metric of durations.
    pub(super) fn histogram(&mut self, name: &'static str, help: &str) -> Metric<'_> {
        self.begin(name, "histogram", help)
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }

    fn begin(&mut self, name: &'static str, kind: &str, help: &str) -> Metric<'_> {
        let text = &mut self.0;
        put(text, format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
        Metric { text, name }
    }
}

impl Metric<'_> {
    /// Adds a value.
    pub(super) fn value(&mut self, labels: &[(&str, &str)], value: impl Display) -> &mut Self {
        self.line("", labels, None, value);
        self
    }

    /// Adds durations.
    pub(super) fn durations(&mut self, labels: &[(&str, &str)], spread: &Spread) -> &mut Self {
        let mut below = 0;
        for (bound, count) in Histogram::BOUNDS.iter().zip(spread.buckets) {
            below += count;
            let bound = *bound as f64 / 1e6;
            self.line("_bucket", labels, Some(&bound.to_string()), below);
        }
        let all: u64 = spread.buckets.iter().sum();
        self.line("_bucket", labels, Some("+Inf"), all);
        self.line("_sum", labels, None, spread.seconds);
        self.line("_count", labels, None, all);
        self
    }

    fn line(&mut self, suffix: &str, labels: &[(&str, &str)], bound: Option<&str>, value: impl Display) {
        put(self.text, format_args!("{}{suffix}", self.name));
        let labels = labels.iter().copied().chain(bound.map(|bound| ("le", bound)));
        for (number, (label, value)) in labels.clone().enumerate() {
            let before = if number == 0 { '{' } else { ',' };
            put(self.text, format_args!("{before}{label}=\"{}\"", escaped(value)));
        }
        let after = if labels.count() == 0 { "" } else { "}" };
        put(self.text, format_args!("{after} {value}\n"));
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn put(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).expect("a text takes whatever is written");
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn values_have_their_labels_and_labels_are_escaped() {
        let mut text = Text::default();
        text.counter("a_total", "Of a kind.").value(&[], 3).value(&[("b", "c"), ("d", "\"\\\n")], 4);
        text.gauge("e", "Of another.").value(&[], 0.5);
        let written = "# HELP a_total Of a kind.\n# TYPE a_total counter\na_total 3\n\
                       a_total{b=\"c\",d=\"\\\"\\\\\\n\"} 4\n# HELP e Of another.\n# TYPE e gauge\ne 0.5\n";
        assert_eq!(text.into_string(), written);
    }

    #[test]
    fn durations_are_counted_up_to_each_bound() {
        let histogram = Histogram::default();
        histogram.observe(Duration::from_micros(7), 2);
        histogram.observe(Duration::from_millis(1), 1);
        histogram.observe(Duration::from_secs(60), 1);
        let mut spread = Spread::default();
        histogram.add_to(&mut spread);
        let mut text = Text::default();
        text.histogram("f_seconds", "Durations.").durations(&[("g", "h")], &spread);
        let text = text.into_string();
        for line in [
            "f_seconds_bucket{g=\"h\",le=\"0.000005\"} 0",
            "f_seconds_bucket{g=\"h\",le=\"0.00001\"} 2",
            "f_seconds_bucket{g=\"h\",le=\"0.001\"} 3",
            "f_seconds_bucket{g=\"h\",le=\"10\"} 3",
            "f_seconds_bucket{g=\"h\",le=\"+Inf\"} 4",
            "f_seconds_sum{g=\"h\"} 60.001014",
            "f_seconds_count{g=\"h\"} 4",
        ] {
            assert!(text.lines().any(|other| other == line), "{line} in {text}");
        }
    }
}
