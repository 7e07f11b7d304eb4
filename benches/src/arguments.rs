//! A command line: options first, then `--server NAME PORT COMMAND…` as often as wanted.

use std::env;
use std::fmt::Display;
use std::process;
use std::str::FromStr;
use std::vec;

use crate::server::ServerCommand;

/// The words of a command line, taken one by one. What is wrong with them ends the program with status 2.
pub struct Arguments {
    words: vec::IntoIter<String>,
}

impl Arguments {
    /// Those this program was started with.
    pub fn from_environment() -> Self {
        Self { words: env::args().skip(1).collect::<Vec<_>>().into_iter() }
    }

    /// The next option, until none is left.
    pub fn option(&mut self) -> Option<String> {
        self.words.next()
    }

    /// The word after `option`.
    pub fn value<T: FromStr<Err: Display>>(&mut self, option: &str) -> T {
        let word = self.words.next().unwrap_or_else(|| refuse(&format!("{option} needs a value")));
        word.parse().unwrap_or_else(|error| refuse(&format!("{option} {word}: {error}")))
    }

    /// The words after `--server`: a name, a port, and the command, which goes on to the next `--server` or the end.
    pub fn server(&mut self) -> ServerCommand {
        let (name, port) = (self.value("--server"), self.value("--server NAME"));
        let rest = self.words.as_slice();
        let length = rest.iter().position(|word| word == "--server").unwrap_or(rest.len());
        let command: Vec<_> = self.words.by_ref().take(length).collect();
        if command.is_empty() {
            refuse(&format!("--server {name} {port} needs a command"));
        }
        ServerCommand { name, port, command }
    }
}

/// Says what is wrong with the command line, and ends the program.
pub fn refuse(message: &str) -> ! {
    eprintln!("{message}");
    process::exit(2);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_ends_where_the_next_server_begins() {
        let words = "--rounds 5 --server one 7000 a --config b --server two 7001 c";
        let mut arguments = Arguments { words: words.split(' ').map(str::to_owned).collect::<Vec<_>>().into_iter() };
        assert_eq!(arguments.option().as_deref(), Some("--rounds"));
        assert_eq!(arguments.value::<usize>("--rounds"), 5);
        assert_eq!(arguments.option().as_deref(), Some("--server"));
        let one = arguments.server();
        assert_eq!((one.name.as_str(), one.port, one.command.join(" ")), ("one", 7000, "a --config b".into()));
        assert_eq!(arguments.option().as_deref(), Some("--server"));
        let two = arguments.server();
        assert_eq!((two.name.as_str(), two.port, two.command.join(" ")), ("two", 7001, "c".into()));
        assert_eq!(arguments.option(), None);
    }
}
