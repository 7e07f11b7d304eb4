//! Logging: one line per event on standard error, as text or as JSON.

use std::io::{self, IsTerminal};

use serde::{Deserialize, Serialize};
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

/// `[log]`.
#[derive(Clone, Debug, Default, Deserialize, Serialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// The least grave events that are logged.
    pub level: Level,
    /// What a line looks like.
    pub format: Format,
}

/// How grave an event is.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Something does not work.
    Error,
    /// Something works, but not as it should.
    Warn,
    /// What an operator wants to know.
    #[default]
    Info,
    /// What explains a fault.
    Debug,
    /// Everything.
    Trace,
}

/// What a line looks like.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Time, level, message and fields, for people.
    #[default]
    Text,
    /// One JSON object, for programs.
    Json,
}

/// Writes events to standard error from now on.
///
/// A program that runs the tracker within itself may have chosen a subscriber already; then that one stays.
pub fn init(log: &Log) {
    let _ = tracing::subscriber::set_global_default(subscriber(log, io::stderr, io::stderr().is_terminal()));
}

/// What turns events into lines; `colour` only where a person looks on.
fn subscriber<W>(log: &Log, writer: W, colour: bool) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::from(log.level))
        .with_target(false)
        .with_writer(writer)
        // They would go to standard error too, and panic if that is what is broken.
        .log_internal_errors(false);
    match log.format {
        Format::Text if colour => Box::new(lines.finish()),
        Format::Text => Box::new(lines.with_ansi(false).finish()),
        Format::Json => {
            Box::new(lines.json().flatten_event(true).with_current_span(false).with_span_list(false).finish())
        }
    }
}

impl From<Level> for LevelFilter {
    fn from(level: Level) -> Self {
        match level {
            Level::Error => Self::ERROR,
            Level::Warn => Self::WARN,
            Level::Info => Self::INFO,
            Level::Debug => Self::DEBUG,
            Level::Trace => Self::TRACE,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Arc;

    use parking_lot::Mutex;
    use tracing::{error, info, subscriber, warn};

    use super::*;

    /// Collects what is written.
    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(level: Level, format: Format, events: impl FnOnce()) -> Vec<String> {
        let paper = Paper::default();
        let copy = paper.clone();
        subscriber::with_default(super::subscriber(&Log { level, format }, move || copy.clone(), false), events);
        String::from_utf8(paper.0.lock().clone()).unwrap().lines().map(String::from).collect()
    }

    #[test]
    fn a_text_line_is_time_level_message_and_fields() {
        let lines = written(Level::Info, Format::Text, || {
            info!("ready");
            warn!(asked = 8, granted = 4, "small buffer");
        });
        let after_the_time: Vec<_> = lines.iter().map(|line| line.split_once("Z ").unwrap().1).collect();
        assert_eq!(after_the_time, [" INFO ready", " WARN small buffer asked=8 granted=4"]);
    }

    #[test]
    fn a_json_line_has_the_message_and_the_fields_side_by_side() {
        let lines = written(Level::Info, Format::Json, || info!(asked = 8, "small buffer"));
        let [line] = &lines[..] else { panic!("{lines:?}") };
        assert!(line.starts_with("{\"timestamp\":\""), "{line}");
        assert!(line.ends_with("Z\",\"level\":\"INFO\",\"message\":\"small buffer\",\"asked\":8}"), "{line}");
    }

    #[test]
    fn events_below_the_level_are_not_logged() {
        let lines = written(Level::Error, Format::Text, || {
            error!("told");
            warn!("not told");
        });
        assert_eq!(lines.len(), 1);
        assert!(lines[0].ends_with("ERROR told"));
    }
}
