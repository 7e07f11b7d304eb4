//! What can be wrong with a configuration, told so that it can be put right.

use std::fmt;
use std::path::PathBuf;

/// Everything that is wrong with a configuration; written one fault a line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem(pub Vec<Fault>);

/// One thing that is wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// Where it was written.
    pub place: Place,
    /// The key in full, like `tracker.peer_lifetime`; empty if the fault is no key's.
    pub key: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// Where a value comes from.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub enum Place {
    /// A default; there is no file.
    Default,
    /// The file, or a default beside it.
    File(PathBuf),
    /// A line of the file, from 1.
    Line(PathBuf, usize),
    /// A variable of the environment.
    Variable(String),
}

impl std::error::Error for Problem {}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{fault}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Default => Ok(()),
            Place::File(path) => write!(f, "{}: ", path.display()),
            Place::Line(path, line) => write!(f, "{}:{line}: ", path.display()),
            Place::Variable(name) => write!(f, "{name}: "),
        }?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        // A value quoted in a message may hold line breaks, and a fault is one line.
        f.write_str(&self.message.replace('\n', "\\n"))
    }
}
