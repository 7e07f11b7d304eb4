//! Real BitTorrent clients, each in a network and a directory of its own.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use proto_tests::namespace::Namespace;
use proto_tests::process::Process;
use tempfile::TempDir;

use crate::torrent::Torrent;

/// A client's program, as Debian packages it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Program {
    /// aria2 1.36, package `aria2`.
    Aria2,
    /// Transmission 3.00, packages `transmission-daemon` and `transmission-cli`.
    Transmission,
}

/// A running client with one torrent.
pub(crate) struct Client<'a> {
    program: Program,
    namespace: &'a Namespace,
    process: Process,
    directory: TempDir,
}

impl<'a> Client<'a> {
    /// Starts a client that has all of the data.
    pub(crate) fn seed(program: Program, namespace: &'a Namespace, torrent: &Torrent) -> Self {
        Self::start(program, namespace, torrent, Some(&torrent.data))
    }

    /// Starts a client that has none of it.
    pub(crate) fn download(program: Program, namespace: &'a Namespace, torrent: &Torrent) -> Self {
        Self::start(program, namespace, torrent, None)
    }

    /// The file it shares, as far as it is on the disk.
    pub(crate) fn data(&self) -> Vec<u8> {
        fs::read(file(self.directory.path())).unwrap_or_default()
    }

    /// Makes it take leave of the tracker, and does not wait for that.
    ///
    /// aria2 says `stopped` when interrupted, and then ends. Transmission 3.00 is asked to pause the torrent: when
    /// merely ended, it often closes its HTTP connections before it has spoken.
    pub(crate) fn leave(&mut self) {
        match self.program {
            Program::Aria2 => self.process.interrupt(),
            Program::Transmission => {
                let mut pause = command("transmission-remote", self.directory.path());
                pause.args(["--torrent", "all", "--stop"]);
                let mut pause = self.namespace.run(|| Process::start(&mut pause));
                let status = pause.wait(PATIENCE);
                assert!(status.success(), "transmission-remote failed: {status}: {}", pause.log());
            }
        }
    }

    /// Ends it, or waits for its end.
    pub(crate) fn end(&mut self) {
        let status = match self.program {
            Program::Aria2 => self.process.wait(PATIENCE),
            Program::Transmission => self.process.terminate(PATIENCE),
        };
        assert!(status.success(), "the client failed: {status}");
    }

    fn start(program: Program, namespace: &'a Namespace, torrent: &Torrent, data: Option<&[u8]>) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let path = directory.path();
        for part in ["data", "torrents"] {
            fs::create_dir(path.join(part)).expect("our own directory can be written");
        }
        fs::write(path.join(METAINFO), &torrent.metainfo).expect("our own directory can be written");
        if let Some(data) = data {
            fs::write(file(path), data).expect("our own directory can be written");
        }
        let mut command = match program {
            Program::Aria2 => aria2(path, &torrent.announce),
            Program::Transmission => transmission(path),
        };
        let process = namespace.run(|| Process::start(&mut command));
        Self { program, namespace, process, directory }
    }
}

fn aria2(directory: &Path, announce: &str) -> Command {
    // Its UDP tracker client is part of its DHT, which finds nobody here: the torrent is private, no node is known.
    let dht = announce.starts_with("udp:");
    let mut command = command("aria2c", directory);
    command
        .arg(format!("--dir={}", directory.join("data").display()))
        .arg(format!("--torrent-file={}", directory.join(METAINFO).display()))
        .args(["--no-conf=true", "--check-integrity=true", "--file-allocation=none", "--seed-ratio=0.0"])
        .arg(format!("--enable-dht={dht}"))
        .args(["--enable-dht6=false", "--enable-peer-exchange=false", "--bt-enable-lpd=false"])
        .args(["--bt-tracker-connect-timeout=5", "--bt-tracker-timeout=5", "--listen-port=6881"])
        .args(["--summary-interval=0", "--show-console-readout=false", "--enable-color=false"])
        .args(["--log=-", "--log-level=info", "--console-log-level=error"]);
    command
}

fn transmission(directory: &Path) -> Command {
    let settings = format!(
        r#"{{
    "dht-enabled": false, "lpd-enabled": false, "pex-enabled": false, "utp-enabled": false,
    "download-dir": "{directory}/data",
    "peer-port": 51413, "port-forwarding-enabled": false, "message-level": 3
}}"#,
        directory = directory.display()
    );
    fs::write(directory.join("settings.json"), settings).expect("our own directory can be written");
    let mut command = command("transmission-daemon", directory);
    command.arg("--foreground").arg("--config-dir").arg(directory);
    command
}

/// A command that finds neither the configuration nor the HTTP proxy of whoever runs the tests.
fn command(program: &str, home: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().envs(env::var_os("PATH").map(|path| ("PATH", path))).env("HOME", home);
    command
}

fn file(directory: &Path) -> PathBuf {
    directory.join("data").join(Torrent::NAME)
}

/// Where Transmission keeps the torrents it takes up when it starts.
const METAINFO: &str = "torrents/random.torrent";
/// Clients wait for the tracker's answer to their leave, some a good while.
const PATIENCE: Duration = Duration::from_secs(20);
