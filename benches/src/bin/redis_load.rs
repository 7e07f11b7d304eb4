//! What an announce costs a Redis server: from the driver, and from `redis-benchmark` with the same script.
//!
//! Each in turn, for some rounds, fills a server of its own. A figure is the server's processor time, by the kernel, for each
//! announce. Torrents and peers are drawn alike: any of so many torrents, and any of as many IPv6 peers.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use chihaya::bittorrent::{Endpoint, InfoHash};
use chihaya::clock::{Clock, Now};
use chihaya::storage::redis::{Config, RedisStorage};
use chihaya::storage::{Announce, Answer, Batch, Change, Environment, Reply, Role, Storage, Want};
use chihaya::units::Period;
use chihaya_benches::arguments::{self, whole};
use chihaya_benches::process::CpuTime;
use clap::Parser;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio::runtime::Builder;
use tokio::task::JoinSet;

/// Weighs the driver's announces against redis-benchmark's of the same script
#[derive(Debug, Parser)]
#[command(name = "redis_load")]
struct Options {
    /// Announces in each round
    #[arg(long, value_name = "N", default_value = "1000000", value_parser = whole(1_000_u32..=100_000_000))]
    announces: u32,
    /// Torrents they are for, and peers they are by
    #[arg(long, value_name = "N", default_value = "100000", value_parser = whole(1_u32..=100_000_000))]
    torrents: u32,
    /// Peers wanted by each
    #[arg(long, value_name = "N", default_value = "50", value_parser = whole(0_u32..=200))]
    wanted: u32,
    /// Announces sent together
    #[arg(long, value_name = "N", default_value = "64", value_parser = whole(1_u32..=10_000))]
    batch: u32,
    /// Workers, or clients of redis-benchmark: connections
    #[arg(long, value_name = "N", default_value = "2", value_parser = whole(1_u32..=256))]
    connections: u32,
    /// Batches that each worker has under way at once
    #[arg(long, value_name = "N", default_value = "4", value_parser = whole(1_u32..=64))]
    in_flight: u32,
    /// Rounds; the medians count
    #[arg(long, value_name = "N", default_value = "3", value_parser = whole(1_u32..=10_000))]
    rounds: u32,
    /// The script
    #[arg(long, value_name = "FILE", default_value = "src/storage/redis/announce.lua")]
    script: String,
}

/// Who announces.
type Load = fn(&Options, &Redis) -> Result<()>;

fn main() -> ExitCode {
    arguments::run(|options: Options| {
        let loads: [(&str, Load); 2] = [("redis-benchmark", benchmark), ("driver", driver)];
        let mut costs: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
        for round in 1..=options.rounds {
            for (name, load) in loads {
                let redis = Redis::start()?;
                let (began, before) = (Instant::now(), CpuTime::of(redis.process.id())?);
                load(&options, &redis).with_context(|| name.to_owned())?;
                let (took, used) = (began.elapsed(), CpuTime::of(redis.process.id())?.since(before).total());
                let (each, keys) = (used / options.announces, redis.cli(&["DBSIZE"])?);
                let memory = redis.cli(&["INFO", "memory"])?;
                let memory = memory.lines().find(|line| line.starts_with("used_memory:")).unwrap_or_default();
                println!(
                    "round {round} {name:16} {each:7.2?} of Redis an announce, {:7.0}/s a core; {took:.1?}, {} keys, {}",
                    1.0 / each.as_secs_f64(),
                    keys.trim(),
                    memory.trim()
                );
                costs.entry(name).or_default().push(each);
            }
        }
        let [theirs, ours] = [loads[0].0, loads[1].0].map(|name| median(costs.remove(name).unwrap_or_default()));
        println!("announces a core, driver beside redis-benchmark: {:.2}", theirs.as_secs_f64() / ours.as_secs_f64());
        Ok(())
    })
}

/// `redis-benchmark`, with as many clients as the driver has batches under way.
fn benchmark(options: &Options, redis: &Redis) -> Result<()> {
    let script = std::fs::read_to_string(Path::new(&options.script)).with_context(|| options.script.clone())?;
    let digest = redis.cli(&["SCRIPT", "LOAD", &script])?;
    // Twelve digits at random: of 40, and of the 18 bytes of an IPv6 endpoint.
    let torrent = format!("{}__rand_int__", "0".repeat(28));
    let keys = ["v6", "v4", "completed"].map(|suffix| format!("chihaya:{{{torrent}}}:{suffix}"));
    let numbers = [options.connections * options.in_flight, options.batch, options.announces, options.torrents];
    let [clients, pipeline, requests, spread] = numbers.map(|number| number.to_string());
    let mut command = Command::new("redis-benchmark");
    command.args([
        "-p",
        &redis.port.to_string(),
        "-c",
        &clients,
        "-P",
        &pipeline,
        "-n",
        &requests,
        "-r",
        &spread,
        "-q",
    ]);
    command.args(["EVALSHA", digest.trim(), "3"]).args(keys).args(["000000__rand_int__", "present", "0"]);
    command.args([&options.wanted.to_string(), "0", "000__rand_int__", "3000000"]);
    let output = command.output().context("redis-benchmark, of Debian's package redis-tools")?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success() && !said.to_lowercase().contains("error"), "{said}");
    Ok(())
}

/// The driver, from threads with a runtime each, as workers have.
fn driver(options: &Options, redis: &Redis) -> Result<()> {
    let urls = vec![format!("redis://127.0.0.1:{}", redis.port)];
    let config = Config { urls, timeout: Period::seconds(60), ..Config::default() };
    let environment = Environment::new(Duration::from_secs(3_000), [0; 16], Clock::start());
    let store = Arc::new(RedisStorage::open(&config, &environment)?);
    let each = options.announces / options.connections;
    thread::scope(|scope| {
        let workers: Vec<_> = (0..options.connections)
            .map(|worker| {
                let store = Arc::clone(&store);
                scope.spawn(move || work(options, &store, worker.into(), each))
            })
            .collect();
        workers.into_iter().try_for_each(|worker| worker.join().unwrap_or_else(|_| bail!("a worker has panicked")))
    })
}

fn work(options: &Options, store: &RedisStorage, seed: u64, announces: u32) -> Result<()> {
    let mut rng = SmallRng::seed_from_u64(seed);
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (mut left, mut under_way) = (announces, JoinSet::new());
        while left > 0 || !under_way.is_empty() {
            if left > 0 && under_way.len() < options.in_flight as usize {
                let size = left.min(options.batch);
                left -= size;
                let Answer::Pending(answer) = store.apply(Now(0), batch(options, size, &mut rng)) else {
                    bail!("it has not been asked");
                };
                under_way.spawn(answer);
            } else if let Some(answered) = under_way.join_next().await {
                let answered = answered?;
                let all = answered.entries.iter().all(|entry| matches!(entry.reply, Reply::Announce { .. }));
                ensure!(all, "an announce has failed");
            }
        }
        Ok(())
    })
}

fn batch(options: &Options, size: u32, rng: &mut SmallRng) -> Batch {
    let mut batch = Batch { seed: rng.random(), ..Batch::default() };
    for _ in 0..size {
        let mut info_hash = [0; 20];
        info_hash[16..].copy_from_slice(&rng.random_range(0..options.torrents).to_be_bytes());
        let mut peer = [b'0'; 18];
        peer[6..].copy_from_slice(format!("{:012}", rng.random_range(0..options.torrents)).as_bytes());
        batch.push(Announce {
            info_hash: InfoHash(info_hash),
            peer: Endpoint::V6(peer),
            change: Change::Present { role: Role::Downloader, completed: false },
            want: Want { peers: options.wanted, both_families: false },
        });
    }
    batch
}

/// A server that keeps nothing on disk, ended with its owner.
struct Redis {
    process: Child,
    port: u16,
    _directory: tempfile::TempDir,
}

impl Redis {
    fn start() -> Result<Self> {
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let directory = tempfile::tempdir()?;
        let mut command = Command::new("redis-server");
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        command.arg("--dir").arg(directory.path()).stdin(Stdio::null()).stdout(Stdio::null());
        let process = command.spawn().context("redis-server, of Debian's package of that name")?;
        let redis = Self { process, port, _directory: directory };
        let deadline = Instant::now() + START_PATIENCE;
        while redis.cli(&["PING"]).is_err() {
            ensure!(Instant::now() < deadline, "redis-server does not answer");
            thread::sleep(START_PAUSE);
        }
        Ok(redis)
    }

    fn cli(&self, arguments: &[&str]) -> Result<String> {
        let output = Command::new("redis-cli").args(["-e", "-p", &self.port.to_string()]).args(arguments).output()?;
        ensure!(output.status.success(), "redis-cli: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing left to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn median(mut costs: Vec<Duration>) -> Duration {
    costs.sort_unstable();
    costs.get(costs.len() / 2).copied().unwrap_or_default()
}

const START_PATIENCE: Duration = Duration::from_secs(10);
const START_PAUSE: Duration = Duration::from_millis(20);
