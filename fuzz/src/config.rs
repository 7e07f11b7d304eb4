//! What operators write.

use std::iter;
use std::path::Path;

use chihaya::config::{Config, Problem};
use chihaya::storage::Drivers;
use chihaya::units::{Period, Size};

/// A file is refused with a message, or prints as one that loads as the same configuration.
pub(crate) fn config(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    if let Some(config) = accepted(parse(text)) {
        prints_as_itself(&config);
    }
}

/// So are variables: their names up to the first `=` of each line, without the prefix, and their values behind it.
pub(crate) fn environment(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    let variables = text.lines().filter_map(|line| line.split_once('='));
    let variables = variables.map(|(name, value)| (format!("CHIHAYA__{name}"), value.to_owned()));
    if let Some(config) = accepted(Config::parse(None, variables, &Drivers::builtin())) {
        prints_as_itself(&config);
    }
}

fn prints_as_itself(config: &Config) {
    let printed = config.to_toml();
    let again = parse(&printed).unwrap_or_else(|problem| panic!("does not load back: {problem}\n{printed}"));
    assert_eq!(again, *config);
}

fn parse(text: &str) -> Result<Config, Problem> {
    Config::parse(Some((Path::new("chihaya.toml"), text)), iter::empty(), &Drivers::builtin())
}

fn accepted(parsed: Result<Config, Problem>) -> Option<Config> {
    match parsed {
        Ok(config) => Some(config),
        Err(problem) => {
            // A fault is one line, so that it can be read in a log.
            assert_eq!(problem.to_string().lines().count(), problem.0.len(), "{problem}");
            assert!(!problem.0.is_empty());
            None
        }
    }
}

/// What reads as a time or a size prints as one that reads the same.
pub(crate) fn units(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    if let Ok(period) = text.parse::<Period>() {
        assert_eq!(period.to_string().parse(), Ok(period));
    }
    if let Ok(size) = text.parse::<Size>() {
        assert_eq!(size.to_string().parse(), Ok(size));
    }
}
