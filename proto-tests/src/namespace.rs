//! A network namespace: a network of its own, with no way out, that vanishes with its owner.

use std::fs::File;
use std::os::fd::AsFd;
use std::panic;
use std::process::{self, Command};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// A named network namespace (ip-netns(8)), removed when dropped. Needs root and iproute2.
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes an empty namespace with its loopback interface up; `role` is the last word of its name.
    pub fn new(role: &str) -> Self {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let namespace = Self { name: format!("chihaya-{}-{number}-{role}", process::id()) };
        execute("ip", &["netns", "add", &namespace.name]);
        namespace.ip("link set lo up");
        namespace
    }

    /// The name `ip netns` knows it by; it holds the process id, so that test runs do not meet.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Configures addresses and links: `ip -n NAME arguments`, split at spaces.
    pub fn ip(&self, arguments: &str) {
        self.configure("ip", arguments);
    }

    /// Configures queues: `tc -n NAME arguments`, split at spaces.
    pub fn tc(&self, arguments: &str) {
        self.configure("tc", arguments);
    }

    /// Does `work` on a thread inside the namespace; its sockets, and the processes it starts, live there.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let inside = || {
            self.enter();
            work()
        };
        thread::scope(|scope| {
            let thread = thread::Builder::new().name(self.name.clone()).spawn_scoped(scope, inside);
            thread.expect("a thread can be started").join().unwrap_or_else(|failure| panic::resume_unwind(failure))
        })
    }

    /// Moves the calling thread, and no other of this process, into the namespace: setns(2).
    fn enter(&self) {
        let path = format!("/run/netns/{}", self.name);
        let namespace = File::open(&path).unwrap_or_else(|error| panic!("cannot open {path}: {error}"));
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
            .unwrap_or_else(|error| panic!("cannot enter {path}: {error}"));
    }

    fn configure(&self, program: &str, arguments: &str) {
        let words: Vec<&str> = ["-n", &self.name].into_iter().chain(arguments.split_whitespace()).collect();
        execute(program, &words);
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // A failure here would hide the one that unwinds; links and addresses go with the namespace.
        let removed = Command::new("ip").args(["netns", "del", &self.name]).status();
        if !removed.is_ok_and(|status| status.success()) {
            eprintln!("cannot remove the network namespace {}", self.name);
        }
    }
}

fn execute(program: &str, arguments: &[&str]) {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("cannot start {program}: {error}"));
    assert!(output.status.success(), "{program} {arguments:?} failed: {}", String::from_utf8_lossy(&output.stderr));
}
