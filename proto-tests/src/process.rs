//! A child process under a deadline: its log is kept, and it never outlives its owner.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::wait_for;

/// A running program. Dropped, it is killed; dropped by a failing test, it prints its log first.
pub struct Process {
    name: String,
    child: Child,
    log: Arc<Mutex<Log>>,
    readers: Vec<JoinHandle<()>>,
}

impl Process {
    /// Starts `command` without input, its output and its errors collected into one log.
    ///
    /// # Panics
    /// If the program is missing: a test that cannot run must not pass.
    pub fn start(command: &mut Command) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        let log = Arc::new(Mutex::new(Log::default()));
        let output = child.stdout.take().map(|output| collect(output, &log));
        let errors = child.stderr.take().map(|errors| collect(errors, &log));
        Self { name, child, log, readers: output.into_iter().chain(errors).collect() }
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What the process has written so far, up to its last thousands of lines.
    pub fn log(&self) -> String {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
    }

    /// The exit status, if the process has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("our own child can be waited for")
    }

    /// Sends SIGTERM and waits for the end, no longer than `patience`.
    pub fn terminate(&mut self, patience: Duration) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait(patience)
    }

    /// Sends SIGINT, as Ctrl-C does, and does not wait.
    pub fn interrupt(&mut self) {
        self.signal(Signal::INT);
    }

    /// Waits for the end, no longer than `patience`; the log is whole then.
    pub fn wait(&mut self, patience: Duration) -> ExitStatus {
        let what = format!("{} to end", self.name);
        let status = wait_for(&what, patience, || self.ended().ok_or("it still runs"));
        for reader in self.readers.drain(..) {
            reader.join().expect("reading a log does not panic");
        }
        status
    }

    /// Sends a signal and does not wait.
    pub fn signal(&mut self, signal: Signal) {
        // Once ended it has been waited for, and its id may be another's.
        if self.ended().is_none() {
            kill_process(Pid::from_child(&self.child), signal).expect("our own child can be signalled");
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- log of {} (process {}) ---\n{}", self.name, self.pid(), self.log());
        }
        if self.ended().is_none() {
            // It may end by itself in between; then there is nothing left to kill.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// The last lines a process wrote.
#[derive(Default)]
struct Log {
    lines: VecDeque<String>,
}

impl Log {
    fn push(&mut self, line: String) {
        if self.lines.len() == LOG_LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }
}

/// Copies `stream` into `log` until the process closes it.
fn collect(stream: impl Read + Send + 'static, log: &Arc<Mutex<Log>>) -> JoinHandle<()> {
    let log = Arc::clone(log);
    thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            log.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        }
    })
}

/// Lines kept of one process: enough to see why a test failed, bounded in case a client raves.
const LOG_LINES: usize = 4000;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(5);

    fn shell(script: &str) -> Process {
        Process::start(Command::new("/bin/sh").args(["-c", script]))
    }

    #[test]
    fn a_dropped_process_is_gone() {
        let process = shell("exec sleep 60");
        let directory = format!("/proc/{}", process.pid());
        assert!(Path::new(&directory).exists());
        drop(process);
        assert!(!Path::new(&directory).exists());
    }

    #[test]
    fn the_log_has_output_and_errors_and_a_bound() {
        let mut process = shell("echo lost; seq 1 3999; echo last >&2");
        assert!(process.wait(PATIENCE).success());
        assert!(process.log().contains("last\n"));
        assert_eq!(process.log().lines().count(), LOG_LINES);
    }

    #[test]
    #[should_panic(expected = "waited 100ms for /bin/sh to end: it still runs")]
    fn a_deaf_process_fails_the_test() {
        let mut process = shell("trap '' TERM; echo deaf; while :; do sleep 1; done");
        wait_for("the trap", PATIENCE, || if process.log().is_empty() { Err("no trap yet") } else { Ok(()) });
        process.terminate(Duration::from_millis(100));
    }
}
