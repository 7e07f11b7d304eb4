//! The running tracker: opens the store, binds the sockets, starts the workers, keeps the timers, and stops them all.
//!
//! A worker is a thread with a runtime of its own that owns one socket of each address; no request crosses threads.

mod about;
mod sockets;
mod urls;

use std::env;
use std::ffi::OsString;
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use arc_swap::ArcSwap;
use rand::TryRng;
use rand::rngs::SysRng;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{self, MissedTickBehavior};
use tracing::{debug, info};

use crate::clock::Clock;
use crate::config::Config;
use crate::counters::{Counter, Counters};
use crate::storage::{Drivers, Environment, StorageError};
use crate::sys::Listener;
use crate::tracker::{ConfigError, Live, Tracker};
use crate::{admin, http, udp};
use sockets::{Bound, WorkerSockets};

pub(crate) use sockets::{BACKLOG, open_files};

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
///
/// When it cannot start: the store does not open, an address cannot be had, the system refuses threads.
pub fn serve(config: &Config, drivers: &Drivers) -> Result<(), StartError> {
    let clock = Clock::start();
    let tracker = Arc::new(open(config, drivers, clock)?);
    let workers = workers(config);
    // Before the sockets: where files run out, tokio panics over signals, and a socket can be told of.
    let runtime = current_thread_runtime().map_err(StartError::System)?;
    let mut signals = runtime.block_on(async { Signals::catch() }).map_err(StartError::System)?;
    let (sockets, mut bound) = sockets::bind(config, workers)?;

    let connection_ids = ConnectionIdRotation::start(&config.udp);
    let frontend = Arc::new(http::Frontend::new(Arc::clone(&tracker), clock, config.http.clone())?);
    let (stop, stopping) = watch::channel(false);
    let crew = Crew { tracker: Arc::clone(&tracker), connection_ids, frontend, clock, stopping };
    let threads = sockets.into_iter().enumerate().map(|(number, sockets)| crew.start(number, sockets));
    let threads = threads.collect::<io::Result<Vec<_>>>().map_err(StartError::System)?;

    let announce_urls = urls::log(config, &bound);
    let counters = threads.iter().map(|(_, counters)| Arc::clone(counters)).collect();
    let admin = open_admin(&crew, config, &mut bound, counters, announce_urls, &runtime).map_err(StartError::System)?;
    info!("ready");
    runtime.block_on(keep_time(&crew, config.udp.connection_id_rotation.0, signals.stop()));

    info!("stopping");
    drop(admin);
    stop.send_replace(true);
    let counters = threads.into_iter().map(|(thread, counters)| {
        thread.join().expect("a worker's panic has ended the process");
        counters
    });
    log_counters(&counters.collect::<Vec<_>>());
    tracker.storage().save(clock.now()).map_err(|error| in_use(config, error))?;
    // The process is about to end. The system takes back a large store's memory at once; freeing each swarm takes seconds.
    mem::forget(tracker);
    info!("stopped");
    Ok(())
}

/// Why the tracker could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The driver named is not known.
    #[error("storage.driver: \"{0}\" is not a driver")]
    UnknownDriver(String),
    /// A value of `[http]` cannot be used.
    #[error("http.{key}: {message}", key = .0.key, message = .0.message)]
    Http(#[from] ConfigError),
    /// The store did not open, or did not write what should survive.
    #[error("storage.{driver}{}{error}", if let StorageError::Settings(_) = error { "." } else { ": " })]
    Storage {
        /// The driver in use.
        driver: String,
        /// What it says.
        error: StorageError,
    },
    /// An address could not be bound.
    #[error("{key}: cannot listen on {address}: {error}; {remedy}")]
    Bind {
        /// The key that names the address.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
        /// What to do.
        remedy: &'static str,
    },
    /// No address could be bound: the host speaks none of their families.
    #[error("udp.listen, http.listen: this host has none of the addresses; add one of 0.0.0.0 or [::]")]
    NothingBound,
    /// The system refused a thread, a runtime or a signal handler: each needs file descriptors.
    #[error("server.workers: the system refuses: {0}; choose fewer workers, or raise the process's limits (ulimit)")]
    System(io::Error),
}

fn open(config: &Config, drivers: &Drivers, clock: Clock) -> Result<Tracker, StartError> {
    let name = &config.storage.driver;
    let driver = drivers.find(name).ok_or_else(|| StartError::UnknownDriver(name.clone()))?;
    let mut environment = Environment::new(config.tracker.peer_lifetime.0, secret(), clock);
    environment.state_directory = first_path(env::var_os("STATE_DIRECTORY"));
    environment.limits = config.limits;
    let storage = driver.open(&config.storage.settings(), environment).map_err(|error| in_use(config, error))?;
    Ok(Tracker::new(storage, Live::new(config.tracker.clone())))
}

fn in_use(config: &Config, error: StorageError) -> StartError {
    StartError::Storage { driver: config.storage.driver.clone(), error }
}

/// systemd gives several directories as it gives `PATH`.
fn first_path(directories: Option<OsString>) -> Option<PathBuf> {
    env::split_paths(&directories?).find(|path| !path.as_os_str().is_empty())
}

/// What all workers share.
struct Crew {
    tracker: Arc<Tracker>,
    connection_ids: ConnectionIdRotation,
    frontend: Arc<http::Frontend>,
    clock: Clock,
    stopping: watch::Receiver<bool>,
}

impl Crew {
    /// Starts a worker's thread on its sockets.
    fn start(&self, number: usize, sockets: WorkerSockets) -> io::Result<(JoinHandle<()>, Arc<Counters>)> {
        let counters = Arc::new(Counters::default());
        let runtime = current_thread_runtime()?;
        let mut tasks = JoinSet::new();
        {
            let _entered = runtime.enter();
            for socket in sockets.udp {
                let handler = udp::Handler::new(
                    Arc::clone(&self.tracker),
                    Arc::clone(&self.connection_ids.current),
                    Arc::clone(&counters),
                );
                let socket = tokio::net::UdpSocket::from_std(socket)?;
                let worker = udp::Worker::new(socket, handler, self.clock, rand::make_rng());
                tasks.spawn(worker.serve(self.stopping.clone()));
            }
            for listener in sockets.http {
                let listener = Listener::new(listener)?;
                let frontend = Arc::clone(&self.frontend);
                tasks.spawn(http::serve(listener, frontend, Arc::clone(&counters), self.stopping.clone()));
            }
        }
        let stopping = self.stopping.clone();
        let thread = thread::Builder::new().name(format!("worker-{number}"));
        Ok((thread.spawn(move || runtime.block_on(work(tasks, stopping)))?, counters))
    }
}

/// Runs a worker's tasks until they have stopped, or have had their time to.
async fn work(tasks: JoinSet<()>, mut stopping: watch::Receiver<bool>) {
    // Without anybody left to say so, the start has failed, and the process is about to end.
    let _ = stopping.wait_for(|&stop| stop).await;
    if time::timeout(STOP_DEADLINE, tasks.join_all()).await.is_err() {
        debug!("some requests were not answered before the deadline");
    }
}

/// Has the main thread's runtime serve operators; dropped, it stops that at once.
fn open_admin(
    crew: &Crew,
    config: &Config,
    bound: &mut Bound,
    workers: Vec<Arc<Counters>>,
    announce_urls: Vec<String>,
    runtime: &Runtime,
) -> io::Result<JoinSet<()>> {
    let frontend = Arc::clone(&crew.frontend);
    let rotations = Arc::clone(&crew.connection_ids.rotations);
    let view = Arc::new(admin::View::new(admin::Sources {
        tracker: Arc::clone(&crew.tracker),
        clock: crew.clock,
        driver: config.storage.driver.clone(),
        workers,
        sockets: mem::take(&mut bound.watched),
        http_connections: Box::new(move || frontend.open_connections()),
        secret_rotations: Box::new(move || rotations.load(Ordering::Relaxed)),
        about: about::about(config, announce_urls),
    }));
    let (page, numbers) = (Arc::clone(&view), Arc::clone(&view));
    crew.frontend.show(http::Status {
        page: Box::new(move |numbers| page.page(numbers)),
        content_security_policy: admin::CONTENT_SECURITY_POLICY,
        numbers: Box::new(move || numbers.stats_json()),
    });
    let _entered = runtime.enter();
    let mut tasks = JoinSet::new();
    tasks.spawn(Arc::clone(&view).remember());
    for listener in mem::take(&mut bound.admin) {
        info!("{}/ is for operators (admin.listen)", listener.local_addr().map(|address| format!("http://{address}"))?);
        tasks.spawn(admin::serve(Listener::new(listener)?, Arc::clone(&view)));
    }
    Ok(tasks)
}

/// Rotates the secret and sweeps the store until it is told to stop.
async fn keep_time(crew: &Crew, rotation: Duration, stop: impl Future<Output = ()>) {
    let mut stop = pin!(stop);
    let mut rotate = time::interval_at(time::Instant::now() + rotation, rotation);
    let mut sweep = time::interval(SWEEP_INTERVAL);
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = &mut stop => return,
            _ = rotate.tick() => crew.connection_ids.rotate(),
            _ = sweep.tick() => crew.tracker.storage().sweep(crew.clock.now()),
        }
    }
}

/// The connection ids in force, which all workers share and the main thread renews.
struct ConnectionIdRotation {
    current: Arc<ArcSwap<udp::ConnectionIds>>,
    /// How often they have been.
    rotations: Arc<AtomicU64>,
}

impl ConnectionIdRotation {
    fn start(config: &udp::Config) -> Self {
        let ids = udp::ConnectionIds::new(udp::Secret(secret()), config.connection_id_generations);
        Self { current: Arc::new(ArcSwap::from_pointee(ids)), rotations: Arc::default() }
    }

    fn rotate(&self) {
        let next = self.current.load().rotate(udp::Secret(secret()));
        self.current.store(Arc::new(next));
        self.rotations.fetch_add(1, Ordering::Relaxed);
        debug!("rotated the secret of connection ids");
    }
}

struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn catch() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for SIGTERM or SIGINT.
    async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

fn log_counters(workers: &[Arc<Counters>]) {
    for counter in Counter::all() {
        let sum: u64 = workers.iter().map(|counters| counters.read(counter)).sum();
        if sum > 0 {
            debug!("{counter}: {sum}");
        }
    }
}

fn current_thread_runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// Threads that serve requests: one per core, unless configured otherwise.
pub(crate) fn workers(config: &Config) -> usize {
    match config.server.workers {
        0 => thread::available_parallelism().map_or(1, usize::from),
        workers => workers,
    }
}

/// 16 bytes from the operating system's random source.
fn secret() -> [u8; 16] {
    let mut secret = [0; 16];
    SysRng.try_fill_bytes(&mut secret).expect("the operating system has a random source");
    secret
}

/// A stop takes no longer than a second, whatever clients do; this leaves the rest of it to a busy machine.
const STOP_DEADLINE: Duration = Duration::from_millis(700);

/// How often the store sweeps its next slice.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bittorrent::{Endpoint, InfoHash};
    use crate::storage::{Announce, Answer, Batch, Change, Role, Want};

    fn crew() -> Crew {
        let config = Config::default();
        let clock = Clock::start();
        let tracker = Arc::new(open(&config, &Drivers::builtin(), clock).unwrap());
        let frontend = http::Frontend::new(Arc::clone(&tracker), clock, config.http.clone()).unwrap();
        let (_, stopping) = watch::channel(false);
        let connection_ids = ConnectionIdRotation::start(&config.udp);
        Crew { tracker, connection_ids, frontend: Arc::new(frontend), clock, stopping }
    }

    #[test]
    fn the_state_directory_is_the_first_that_is_named() {
        let first = |directories: &str| first_path(Some(directories.into()));
        assert_eq!(first_path(None), None);
        assert_eq!(first(""), None);
        assert_eq!(first("/var/lib/chihaya"), Some("/var/lib/chihaya".into()));
        assert_eq!(first("/var/lib/chihaya:/var/lib/other"), Some("/var/lib/chihaya".into()));
    }

    #[test]
    fn a_store_that_does_not_open_is_named_with_its_key() {
        let error = crate::storage::SettingsError { key: "path".into(), message: "name a directory".into() };
        assert_eq!(in_use(&Config::default(), error.into()).to_string(), "storage.memory.path: name a directory");
        let error = StorageError::Unavailable("the disk is full".into());
        assert_eq!(in_use(&Config::default(), error).to_string(), "storage.memory: the disk is full");
    }

    #[tokio::test(start_paused = true)]
    async fn an_id_is_accepted_for_two_rotations_of_the_timer_and_not_for_three() {
        let crew = crew();
        let client = [192, 0, 2, 1].into();
        let id = crew.connection_ids.current.load().issue(client);
        let minutes = |minutes: u64| time::sleep(Duration::from_secs(60 * minutes));
        keep_time(&crew, Duration::from_secs(180), minutes(7)).await;
        assert!(crew.connection_ids.current.load().accept(client, id));
        keep_time(&crew, Duration::from_secs(180), minutes(4)).await;
        assert!(!crew.connection_ids.current.load().accept(client, id));
    }

    #[tokio::test(start_paused = true)]
    async fn the_store_is_swept_by_the_timer() {
        let crew = crew();
        // A peer of an hour ago, as the store's own clock has it.
        let now = crew.clock.now();
        let peer = Announce {
            info_hash: InfoHash([1; 20]),
            peer: Endpoint::V4([192, 0, 2, 1, 0, 1]),
            change: Change::Present { role: Role::Seeder, completed: false },
            want: Want::default(),
        };
        let mut batch = Batch::default();
        batch.push(peer);
        let an_hour_ago = crate::clock::Now(now.0 - 3_600);
        assert!(matches!(crew.tracker.apply(an_hour_ago, batch), Answer::Ready(_)));
        assert_eq!(crew.tracker.storage().totals().torrents, Some(1));
        keep_time(&crew, Duration::from_secs(180), time::sleep(Duration::from_secs(65))).await;
        assert_eq!(crew.tracker.storage().totals().torrents, Some(0));
    }
}
