//! What operators write.

use std::fs;

use chihaya::config::Config;
use chihaya::storage::Drivers;
use chihaya::units::{Period, Size};

/// A file is refused with a message, or prints as one that loads as the same configuration.
pub(crate) fn config(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    let Some(config) = load(text) else { return };
    let printed = config.to_toml();
    let again = load(&printed).unwrap_or_else(|| panic!("does not load back:\n{printed}"));
    assert_eq!(again, config);
}

fn load(text: &str) -> Option<Config> {
    let file = std::env::temp_dir().join(format!("chihaya-fuzz-{}.toml", std::process::id()));
    fs::write(&file, text).expect("the temporary directory is writable");
    let loaded = Config::load(Some(&file), std::iter::empty(), &Drivers::builtin());
    fs::remove_file(&file).expect("it was there just now");
    match loaded {
        Ok(config) => Some(config),
        Err(problem) => {
            assert!(!problem.to_string().is_empty());
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
