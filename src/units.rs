//! Times and sizes as people write them in a configuration: `"30m"`, `"8MiB"`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A length of time in whole milliseconds, written as a number and `ms`, `s`, `m`, `h` or `d`.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, Eq, PartialEq, Ord, PartialOrd)]
#[serde(try_from = "String", into = "String")]
pub struct Period(pub Duration);

/// A number of bytes, written as a number and `B`, `KiB`, `MiB` or `GiB`.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, Eq, PartialEq, Ord, PartialOrd)]
#[serde(try_from = "String", into = "String")]
pub struct Size(pub usize);

impl Period {
    /// So many seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// So many minutes.
    pub const fn minutes(minutes: u64) -> Self {
        Self::seconds(60 * minutes)
    }
}

impl Size {
    /// So many mebibytes.
    pub const fn mebibytes(mebibytes: usize) -> Self {
        Self(mebibytes << 20)
    }
}

/// A text that is no time, or no size.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("\"{text}\" is not a {kind}; write a whole number and a unit, like {example}")]
pub struct UnitError {
    text: String,
    kind: &'static str,
    example: &'static str,
}

impl FromStr for Period {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let milliseconds = parse(text, &PERIODS).and_then(|milliseconds| u64::try_from(milliseconds).ok());
        let error = || UnitError { text: text.into(), kind: "time", example: "\"90s\", \"30m\" or \"2h\"" };
        milliseconds.map(|milliseconds| Self(Duration::from_millis(milliseconds))).ok_or_else(error)
    }
}

impl FromStr for Size {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let bytes = parse(text, &SIZES).and_then(|bytes| usize::try_from(bytes).ok());
        bytes.map(Self).ok_or_else(|| UnitError { text: text.into(), kind: "size", example: "\"512KiB\" or \"8MiB\"" })
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, self.0.as_millis(), &PERIODS)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, self.0 as u128, &SIZES)
    }
}

macro_rules! as_string {
    ($($unit:ty),*) => {$(
        impl TryFrom<String> for $unit {
            type Error = UnitError;

            fn try_from(text: String) -> Result<Self, UnitError> {
                text.parse()
            }
        }

        impl From<$unit> for String {
            fn from(value: $unit) -> Self {
                value.to_string()
            }
        }
    )*};
}
as_string!(Period, Size);

/// Units with their factors, smallest first.
type Units = [(&'static str, u128)];

const PERIODS: [(&str, u128); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
const SIZES: [(&str, u128); 4] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

fn parse(text: &str, units: &Units) -> Option<u128> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u128>().ok()?.checked_mul(*factor)
}

/// Writes an amount in the largest unit that divides it.
fn write(f: &mut fmt::Formatter<'_>, amount: u128, units: &Units) -> fmt::Result {
    let fitting = units.iter().rev().find(|(_, factor)| amount != 0 && amount.is_multiple_of(*factor));
    let (name, factor) = fitting.unwrap_or(&units[0]);
    write!(f, "{}{name}", amount / factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        for text in ["0ms", "250ms", "90s", "30m", "1h", "2d"] {
            assert_eq!(text.parse::<Period>().unwrap().to_string(), text);
        }
        for text in ["0B", "1500B", "512KiB", "8MiB", "1GiB"] {
            assert_eq!(text.parse::<Size>().unwrap().to_string(), text);
        }
        assert_eq!("1800s".parse::<Period>().unwrap(), Period::minutes(30));
    }

    #[test]
    fn a_text_without_a_unit_or_number_is_refused_with_an_example() {
        for text in ["", "30", "m", "1.5h", "-1s", "30 min", "99999999999999999999999999999999999999999d"] {
            assert!(text.parse::<Period>().is_err(), "{text}");
        }
        let error = "8 mb".parse::<Size>().unwrap_err().to_string();
        assert_eq!(error, "\"8 mb\" is not a size; write a whole number and a unit, like \"512KiB\" or \"8MiB\"");
    }
}
