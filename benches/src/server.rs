//! Servers under measurement.

use std::cell::RefCell;
use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::net::{IpAddr, SocketAddr};
use std::panic;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::str::FromStr;
use std::sync::{Mutex, Once, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::process::on_core;

/// A server as the command line names it.
#[derive(Clone, Debug)]
pub struct ServerCommand {
    /// What the table calls it.
    pub name: String,
    /// Where it answers.
    pub port: u16,
    /// The program and its arguments.
    pub command: Vec<String>,
}

impl ServerCommand {
    /// What separates words where a whole server is one value: none of Unicode's characters, but one for a program's own use.
    pub const BETWEEN_WORDS: &str = "\u{ffff}";
}

impl FromStr for ServerCommand {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut words = text.split(Self::BETWEEN_WORDS).map(str::to_owned);
        let (Some(name), Some(port), Some(program)) = (words.next(), words.next(), words.next()) else {
            return Err("must be a name, a port and a command");
        };
        let port = port.parse().ok().filter(|&port| port > 0).ok_or("PORT must be a whole number from 1 to 65535")?;
        Ok(Self { name, port, command: std::iter::once(program).chain(words).collect() })
    }
}

/// A server's process, ended with this value.
pub struct Server {
    name: String,
    address: SocketAddr,
    process: Pid,
    child: RefCell<Child>,
    /// What it writes to its standard output and error: a file without a name, which is gone with this value.
    output: File,
}

impl Server {
    /// Starts a server that listens at `address`, on one core alone if one is given, and waits until it `answers`.
    ///
    /// # Errors
    ///
    /// If another one answers there already, or this one cannot be started, ends, or does not answer within [`PATIENCE`].
    pub fn start<E: Display>(
        command: &ServerCommand,
        address: IpAddr,
        core: Option<usize>,
        answers: impl FnMut(SocketAddr) -> Result<(), E>,
    ) -> Result<Self> {
        let address = SocketAddr::new(address, command.port);
        Self::start_within(PATIENCE, command, address, core, answers)
    }

    fn start_within<E: Display>(
        patience: Duration,
        command: &ServerCommand,
        address: SocketAddr,
        core: Option<usize>,
        mut answers: impl FnMut(SocketAddr) -> Result<(), E>,
    ) -> Result<Self> {
        ensure!(answers(address).is_err(), "{} at {address}: another server answers there already", command.name);
        let server = Self::spawn(command, address, core)?;
        let start = Instant::now();
        while let Err(failure) = answers(address) {
            let elapsed = start.elapsed();
            if elapsed > patience || server.ended().is_some() {
                let seconds = elapsed.as_secs_f64();
                return server.explain(Err(anyhow!("no good answer after {seconds:.1} s ({failure})")));
            }
            thread::sleep(PAUSE);
        }
        server.explain(server.does_the_work_itself())?;
        Ok(server)
    }

    /// What is measured is the process that was started. One that has started others, as a shell does, is not the server.
    fn does_the_work_itself(&self) -> Result<()> {
        let children = children(self.process);
        for &child in &children {
            // Already gone is as good.
            let _ = kill_process(child, Signal::KILL);
        }
        ensure!(children.is_empty(), "it has others work for it, whose time would not be counted: `exec` them instead");
        Ok(())
    }

    fn spawn(command: &ServerCommand, address: SocketAddr, core: Option<usize>) -> Result<Self> {
        END_WITH_PANIC.call_once(end_servers_when_a_panic_aborts);
        let output = tempfile::Builder::new().append(true).tempfile()?.into_file();
        let (program, arguments) = command.command.split_first().context("a server needs a command")?;
        let mut start = Command::new(program);
        start.args(arguments).stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output.try_clone()?);
        let child = on_core(core, || start.spawn())?;
        let child = child.with_context(|| format!("{} at {address}: cannot start {program}", command.name))?;
        let process = Pid::from_child(&child);
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).push(process);
        Ok(Self { name: command.name.clone(), address, process, child: RefCell::new(child), output })
    }

    /// What the table calls it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it answers.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process id.
    pub fn process(&self) -> u32 {
        self.child.borrow().id()
    }

    /// How it has ended, if it has.
    pub fn ended(&self) -> Option<ExitStatus> {
        self.child.borrow_mut().try_wait().expect("our own child can be waited for")
    }

    /// Adds to a failure which server's it is, whether that one still runs, and what it has said.
    ///
    /// # Errors
    ///
    /// The failure, if `outcome` is one.
    pub fn explain<T>(&self, outcome: Result<T>) -> Result<T> {
        outcome.map_err(|failure| {
            // Its sockets are closed a moment before it has ended.
            let ended = (0..10).find_map(|_| {
                thread::sleep(PAUSE);
                self.ended()
            });
            let state = ended.map_or_else(|| "it still runs".into(), |status| format!("it has ended with {status}"));
            anyhow!("{} at {}: {failure:#}; {state}, {}", self.name, self.address, self.last_words())
        })
    }

    /// The last line of its output, and where all of it stays.
    fn last_words(&self) -> String {
        let line = tail(&self.output).unwrap_or_default();
        if line.is_empty() {
            return "and has said nothing".into();
        }
        let place = keep(&self.output).map_or_else(|error| error.to_string(), |path| path.display().to_string());
        format!("its last words: {line}; all of its output: {place}")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).retain(|&process| process != self.process);
        let child = self.child.get_mut();
        // Already gone is as good.
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// What a process has started itself and not waited for; none where the system does not tell.
fn children(process: Pid) -> Vec<Pid> {
    let process = process.as_raw_nonzero();
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap_or_default();
    children.split_whitespace().filter_map(|child| Pid::from_raw(child.parse().ok()?)).collect()
}

/// The last line that is not blank, looked for at the end of a file, however long that is.
fn tail(mut file: &File) -> io::Result<String> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(file.metadata()?.len().saturating_sub(TAIL)))?;
    file.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default().to_owned())
}

/// Copies a file to one that stays.
fn keep(mut file: &File) -> io::Result<PathBuf> {
    let (mut copy, path) = tempfile::Builder::new().prefix("chihaya-benches-").suffix(".log").tempfile()?.keep()?;
    file.rewind()?;
    io::copy(&mut file, &mut copy)?;
    Ok(path)
}

/// Release builds abort on panic, which drops nothing: servers would stay, and spoil the next run.
fn end_servers_when_a_panic_aborts() {
    if cfg!(panic = "abort") {
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |message| {
            report(message);
            for &process in RUNNING.lock().unwrap_or_else(PoisonError::into_inner).iter() {
                // Already gone is as good.
                let _ = kill_process(process, Signal::KILL);
            }
        }));
    }
}

/// Processes of all servers there are; none has been waited for, so that no id is another's.
static RUNNING: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

static END_WITH_PANIC: Once = Once::new();

/// The order of servers in a round. Each round begins with another one, so that none is always first.
pub fn turns(round: usize, servers: usize) -> impl Iterator<Item = usize> {
    (0..servers).map(move |turn| (round + turn) % servers)
}

/// Reading a list of millions of torrents takes some trackers a few seconds.
pub const PATIENCE: Duration = Duration::from_secs(10);

const PAUSE: Duration = Duration::from_millis(20);

/// Bytes of a server's output that its last line is looked for in.
const TAIL: u64 = 4_096;

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    /// Starts a server that never answers, and tells how that is told.
    fn failure(patience: Duration, words: &[&str]) -> String {
        let command = words.iter().map(|&word| word.to_owned()).collect();
        let command = ServerCommand { name: "mute".into(), port: 1, command };
        let address = (Ipv4Addr::LOCALHOST, 1).into();
        let server = Server::start_within(patience, &command, address, None, |_| Err("connection refused"));
        server.err().expect("it cannot be started").to_string()
    }

    #[test]
    fn every_server_has_its_turn_in_every_round() {
        assert_eq!(turns(0, 3).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(turns(4, 3).collect::<Vec<_>>(), [1, 2, 0]);
    }

    #[test]
    fn a_server_that_ends_is_not_waited_for() {
        let told = failure(PATIENCE, &["sh", "-c", "echo first; echo last >&2; exit 3"]);
        let (told, path) = told.split_once("; all of its output: ").expect(&told);
        assert!(told.starts_with("mute at 127.0.0.1:1: no good answer after 0."), "{told}");
        assert!(
            told.ends_with("(connection refused); it has ended with exit status: 3, its last words: last"),
            "{told}"
        );
        assert_eq!(std::fs::read_to_string(path).unwrap(), "first\nlast\n");
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_server_that_never_answers_is_not_waited_for_much_longer() {
        let told = failure(Duration::from_millis(1), &["sleep", "60"]);
        assert!(told.ends_with(" s (connection refused); it still runs, and has said nothing"), "{told}");
    }

    #[test]
    fn a_server_behind_a_shell_is_not_measured() {
        let command = ServerCommand {
            name: "hidden".into(),
            port: 1,
            command: ["sh", "-c", "sleep 60; echo end"].map(str::to_owned).into(),
        };
        // It answers once the shell has started the other.
        let mut asked = 0;
        let answers = |_| {
            asked += 1;
            if asked > 10 { Ok(()) } else { Err("connection refused") }
        };
        let address = (Ipv4Addr::LOCALHOST, 1).into();
        let told = Server::start_within(PATIENCE, &command, address, None, answers).err().expect("it is refused");
        assert!(told.to_string().contains("`exec` them instead"), "{told}");
    }

    #[test]
    fn a_server_that_there_is_not_is_named() {
        assert_eq!(failure(PATIENCE, &["/nowhere/tracker"]), "mute at 127.0.0.1:1: cannot start /nowhere/tracker");
    }
}
