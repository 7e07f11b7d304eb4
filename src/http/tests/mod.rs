//! The frontend over real sockets on the loopback, with the memory store unless a test brings its own.

mod announces;
mod connections;
mod limits;
mod responses;
mod shutdown;
mod time_outs;

use std::net::SocketAddr;
use std::str;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time;

use super::{Config, Frontend, serve};
use crate::bittorrent::Family;
use crate::clock::Clock;
use crate::counters::{Action, Counter, Counters, Outcome, Rejected, Transport::Http};
use crate::storage::memory::{self, MemoryStorage};
use crate::storage::{Environment, Storage};
use crate::sys::Listener;
use crate::tracker::{self, Live, Tracker};

/// A frontend that is being served on one address.
struct Server {
    address: SocketAddr,
    frontend: Arc<Frontend>,
    counters: Arc<Counters>,
    shutdown: watch::Sender<bool>,
    served: JoinHandle<()>,
}

impl Server {
    /// Serves the defaults, changed as said, over a store in memory.
    async fn start(change: impl FnOnce(&mut Config)) -> Self {
        Self::over(Arc::new(memory_storage()), change).await
    }

    async fn over(storage: Arc<dyn Storage>, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        change(&mut config);
        let live = Live::new(tracker::Config { interval_jitter: 0.0, ..tracker::Config::default() });
        let tracker = Arc::new(Tracker::new(storage, live));
        let frontend = Arc::new(Frontend::new(tracker, Clock::start(), config).unwrap());
        Self::share(frontend, TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    /// Serves the same frontend on another address, as another worker would.
    async fn beside(&self, address: &str) -> Self {
        Self::share(Arc::clone(&self.frontend), TcpListener::bind(address).await.unwrap())
    }

    fn share(frontend: Arc<Frontend>, listener: TcpListener) -> Self {
        let address = listener.local_addr().unwrap();
        let listener = Listener::new(listener.into_std().unwrap()).unwrap();
        let counters = Arc::new(Counters::default());
        let (shutdown, stopped) = watch::channel(false);
        let served = tokio::spawn(serve(listener, Arc::clone(&frontend), Arc::clone(&counters), stopped));
        Self { address, frontend, counters, shutdown, served }
    }

    async fn connect(&self) -> Client {
        Client { socket: TcpStream::connect(self.address).await.unwrap(), received: Vec::new() }
    }

    /// The response to a GET over a connection of its own.
    async fn ask(&self, target: &str) -> Response {
        self.connect().await.ask(target).await
    }

    fn count(&self, counter: Counter) -> u64 {
        self.counters.read(counter)
    }

    /// How many requests of this kind it has answered well.
    fn answered(&self, action: Action) -> u64 {
        self.count(Counter::Response(Http, Family::V4, action, Outcome::Ok))
    }

    /// How many announces and scrapes it has answered with a failure.
    fn failed(&self) -> u64 {
        let failed = |action| self.count(Counter::Response(Http, Family::V4, action, Outcome::Error));
        failed(Action::Announce) + failed(Action::Scrape)
    }

    /// Waits until so many connections are open.
    async fn until_open(&self, connections: usize) {
        until(|| self.frontend.open_connections() == connections).await;
    }
}

/// One connection.
struct Client {
    socket: TcpStream,
    /// What has come and is not part of a response yet.
    received: Vec<u8>,
}

impl Client {
    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.socket.write_all(bytes.as_ref()).await.unwrap();
    }

    async fn ask(&mut self, target: &str) -> Response {
        self.send(get(target)).await;
        self.response().await
    }

    /// The next response; one without a length has no body.
    async fn response(&mut self) -> Response {
        let head_length = loop {
            match self.received.windows(4).position(|window| window == b"\r\n\r\n") {
                Some(position) => break position + 4,
                None => assert!(self.receive().await, "closed after {:?}", self.received.escape_ascii().to_string()),
            }
        };
        let head: Vec<u8> = self.received.drain(..head_length).collect();
        let head = str::from_utf8(&head).unwrap().to_owned();
        let mut response = Response { head, body: Vec::new() };
        let length = response.header("content-length").map_or(0, |length| length.parse().unwrap());
        while self.received.len() < length {
            assert!(self.receive().await, "closed within a body");
        }
        response.body = self.received.drain(..length).collect();
        response
    }

    /// Waits until the server closes; nothing may come before.
    async fn closed(&mut self) {
        assert!(!self.receive().await, "{}", self.received.escape_ascii());
        assert!(self.received.is_empty());
    }

    /// Receives more; false at the end, be it orderly or not.
    async fn receive(&mut self) -> bool {
        let read = time::timeout(PATIENCE, self.socket.read_buf(&mut self.received));
        read.await.expect("in time").is_ok_and(|length| length > 0)
    }
}

#[derive(Debug)]
struct Response {
    head: String,
    body: Vec<u8>,
}

impl Response {
    fn status(&self) -> u16 {
        self.head.split(' ').nth(1).unwrap().parse().unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .find_map(|line| line.split_once(": ").filter(|(key, _)| key.eq_ignore_ascii_case(name)))
            .map(|(_, value)| value)
    }

    /// The body, printable.
    fn text(&self) -> String {
        self.body.escape_ascii().to_string()
    }
}

/// Waits for a condition, not for long.
async fn until(condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            time::sleep(Duration::from_millis(5)).await;
        }
    };
    time::timeout(PATIENCE, waiting).await.expect("in time");
}

fn memory_storage() -> MemoryStorage {
    let environment = Environment::new(Duration::from_secs(3_000), [7; 16], Clock::start());
    MemoryStorage::new(&memory::Config::default(), environment)
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: tracker.example\r\n\r\n")
}

/// An announce of a leecher at `port`, with whatever else it says.
fn announce(port: u16, more: &str) -> String {
    format!("/announce?info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=-XX0001-bbbbbbbbbbbb&port={port}&left=1{more}")
}

/// A scrape of that leecher's torrent.
const SCRAPE: &str = "/scrape?info_hash=aaaaaaaaaaaaaaaaaaaa";

/// What a scrape says of one torrent.
fn scraped(complete: u32, downloaded: u32, incomplete: u32) -> String {
    format!(
        "d5:filesd20:aaaaaaaaaaaaaaaaaaaad8:completei{complete}e10:downloadedi{downloaded}e\
        11:downloadersi{incomplete}e10:incompletei{incomplete}eee5:flagsd20:min_request_intervali900eee"
    )
}

/// Longer than any time-out that a test waits for.
const PATIENCE: Duration = Duration::from_secs(100);
