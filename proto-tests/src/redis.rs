//! Redis, the real one: servers and Clusters of a test's own.

use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use chihaya::storage::redis::{Config, RedisStorage};
use chihaya::storage::{Driver, Environment, Settings, SettingsError, Storage, StorageError};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::process::Process;
use crate::wait_for;

/// A `redis-server` that keeps nothing on disk. Dropped, it is killed.
pub struct Redis {
    process: Option<Process>,
    port: u16,
    directory: TempDir,
    in_cluster: bool,
}

impl Redis {
    /// Starts a server on a free port, and waits until it answers.
    ///
    /// # Panics
    /// If `redis-server` is missing: a test that cannot run must not pass.
    pub fn start() -> Self {
        Self::start_as(false)
    }

    fn start_as(in_cluster: bool) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let mut redis = Self { process: None, port: free_port(), directory, in_cluster };
        redis.restart();
        redis
    }

    /// Starts it again on the same port, empty.
    ///
    /// # Panics
    /// If it still runs, or does not start.
    pub fn restart(&mut self) {
        let mut command = Command::new("redis-server");
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        command.arg("--dir").arg(self.directory.path());
        if self.in_cluster {
            command.args(["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"]);
        }
        assert!(self.process.as_mut().is_none_or(|process| process.ended().is_some()), "it still runs");
        self.process = Some(Process::start(&mut command));
        wait_for("redis-server to answer", PATIENCE, || match self.process.as_mut().and_then(Process::ended) {
            Some(status) => panic!("redis-server ended before it answered: {status}"),
            None => self.cli(&["PING"]).map(drop),
        });
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// If it does not run.
    pub fn signal(&mut self, signal: Signal) {
        self.process.as_mut().expect("it was started").signal(signal);
    }

    /// Ends it at once, without a farewell.
    ///
    /// # Panics
    /// If it does not run.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.process.as_mut().expect("it was started").wait(PATIENCE);
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Its process id.
    ///
    /// # Panics
    /// If it does not run.
    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("it was started").pid()
    }

    /// What it says to a command, by `redis-cli`.
    ///
    /// # Errors
    /// What it says instead.
    ///
    /// # Panics
    /// If `redis-cli` is missing.
    pub fn cli(&self, arguments: &[&str]) -> Result<String, String> {
        let mut command = Command::new("redis-cli");
        let output = command.args(["-e", "-p", &self.port.to_string()]).args(arguments).output();
        let output = output.unwrap_or_else(|error| panic!("cannot start redis-cli: {error}"));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() {
            Ok(text(&output.stdout))
        } else {
            Err(format!("{}{}", text(&output.stdout), text(&output.stderr)))
        }
    }

    /// How many keys it has.
    ///
    /// # Panics
    /// If it does not say.
    pub fn keys(&self) -> u64 {
        let answer = self.cli(&["DBSIZE"]).expect("it answers");
        answer.parse().unwrap_or_else(|_| panic!("DBSIZE is answered {answer:?}"))
    }
}

/// A Cluster of three nodes without replicas.
pub struct Cluster {
    /// Its nodes.
    pub nodes: Vec<Redis>,
}

impl Cluster {
    /// Starts three nodes, and waits until they serve every slot.
    ///
    /// # Panics
    /// If they do not become one.
    pub fn start() -> Self {
        let nodes: Vec<_> = (0..3).map(|_| Redis::start_as(true)).collect();
        let addresses: Vec<_> = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        let mut create = Command::new("redis-cli");
        create.args(["--cluster", "create"]).args(addresses).arg("--cluster-yes");
        let mut create = Process::start(&mut create);
        let status = create.wait(CLUSTER_PATIENCE);
        assert!(status.success(), "redis-cli --cluster create: {status}\n{}", create.log());
        for node in &nodes {
            wait_for("the Cluster to serve", CLUSTER_PATIENCE, || match node.cli(&["CLUSTER", "INFO"]) {
                Ok(info) if info.contains("cluster_state:ok") => Ok(()),
                Ok(info) | Err(info) => Err(info),
            });
        }
        Self { nodes }
    }

    /// The URLs of all its nodes.
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Redis::url).collect()
    }

    /// How many keys its nodes have.
    pub fn keys(&self) -> Vec<u64> {
        self.nodes.iter().map(Redis::keys).collect()
    }
}

/// The driver's settings with these URLs, and a time-out that no busy machine exceeds.
pub fn settings(urls: &[String]) -> Settings {
    Settings(format!("urls = {urls:?}\ntimeout = \"10s\"").parse().expect("a table"))
}

/// The driver named `bare-redis`: the store in Redis with nothing in its place, so that no failure of it can be hidden.
pub struct BareRedis;

impl Driver for BareRedis {
    fn name(&self) -> &'static str {
        "bare-redis"
    }

    fn defaults(&self) -> toml::Table {
        toml::Table::try_from(Config::default()).expect("texts and numbers make a table")
    }

    fn check(&self, settings: &Settings) -> Result<(), SettingsError> {
        settings.read::<Config>().map(drop)
    }

    fn open(&self, settings: &Settings, environment: Environment) -> Result<Arc<dyn Storage>, StorageError> {
        Ok(Arc::new(RedisStorage::open(&settings.read()?, &environment)?))
    }
}

/// A port that nobody listens on, nor on the one 10,000 above it, where the nodes of a Cluster talk to each other.
///
/// Redis takes no port 0. Both are below those that the kernel gives to whoever connects, so that nobody takes one by chance
/// before the server does, or while it is restarted.
fn free_port() -> u16 {
    let is_free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let mut candidates = std::iter::repeat_with(|| rand::random_range(10_000..22_000)).take(1_000);
    candidates.find(|&port| is_free(port) && is_free(port + 10_000)).expect("one of a thousand ports will do")
}

/// A start that takes longer is a fault, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

/// The nodes meet by gossip, which takes some seconds.
const CLUSTER_PATIENCE: Duration = Duration::from_secs(60);
