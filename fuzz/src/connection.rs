//! HTTP connections from their first byte to their last, in memory: request lines and header blocks, bodies, one request
//! behind another, from strangers and from trusted proxies.

use std::iter;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use chihaya::bittorrent::Family;
use chihaya::clock::Clock;
use chihaya::counters::{Action, Counter, Counters, Outcome, Transport::Http};
use chihaya::http::{self, Frontend};
use chihaya::tracker;
use chihaya::units::Period;
use tokio::io::{self, AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;
use tokio::{runtime, time};
use tracker_client::bencode::{self, Value};
use tracker_client::http::Response;

use crate::handler::tracker;

/// The first byte says who connects, and in how large segments; the others are what they send, with 0xff for a long word.
///
/// What comes back is whole responses and nothing besides: dictionaries with status 200, and no body with any other.
/// Cut into segments it is the same.
pub(crate) fn connection(input: &[u8]) {
    let Some((&head, rest)) = input.split_first() else { return };
    let source = SOURCES[usize::from(head & 7) % SOURCES.len()].parse().expect("an address");
    let request = stretched(rest);
    let whole = Exchange::new(source, &request, AT_ONCE);
    whole.check(source, &request);
    let cut = Exchange::new(source, &request, 1 << (3 * (head >> 3 & 7)));
    cut.check(source, &request);
    if request.len() <= SURELY_READ_BYTES {
        assert_same(&whole.responses, &cut.responses);
    }
}

/// What was sent over one connection to a tracker of its own, and what came of it.
struct Exchange {
    responses: Vec<Response>,
    counters: Counters,
    stored: u64,
}

impl Exchange {
    /// Sends all of `request`, nothing after it, and receives as long as anything comes.
    fn new(source: IpAddr, request: &[u8], segment: usize) -> Self {
        let counters = Counters::default();
        let tracker = tracker(tracker::Config { interval_jitter: 0.0, ..tracker::Config::default() });
        let frontend = Frontend::new(Arc::clone(&tracker), Clock::start(), config()).expect("it is configured well");
        let runtime = runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let received = runtime.block_on(converse(source, request, segment, &frontend, &counters));
        let stored = tracker.storage().totals().peers.expect("memory knows");
        let stored = Family::BOTH.into_iter().map(|family| stored[family]).sum();
        Self { responses: responses(&received), counters, stored }
    }

    fn check(&self, source: IpAddr, request: &[u8]) {
        let mut told = [0; 3];
        for response in &self.responses {
            let known = [200, 400, 404, 405, 431].contains(&response.status);
            assert!(known && response.body.len() <= 512 + 4 * request.len(), "{response:?}");
            let Some(reply) = dictionary(response) else { continue };
            let kind = ["interval", "files", "failure reason"].iter().position(|key| reply.get(key).is_some());
            told[kind.unwrap_or_else(|| panic!("{reply:?}"))] += 1;
            if let (Some(address), false) = (reply.get("external ip"), PROXIES.contains(&source.to_string().as_str())) {
                assert_eq!(address.as_bytes(), Some(&octets(source.to_canonical())[..]), "a stranger was believed");
            }
        }
        let counted = |action, outcome| -> u64 {
            let of = |family| self.counters.read(Counter::Response(Http, family, action, outcome));
            Family::BOTH.into_iter().map(of).sum()
        };
        let answered = [Action::Announce, Action::Scrape].map(|action| counted(action, Outcome::Ok));
        let failed = [Action::Announce, Action::Scrape].map(|action| counted(action, Outcome::Error));
        assert_eq!(told, [answered[0], answered[1], failed[0] + failed[1]], "{:?}", self.responses);
        assert!(self.stored <= told[0]);
    }
}

async fn converse(source: IpAddr, request: &[u8], segment: usize, frontend: &Frontend, counters: &Counters) -> Vec<u8> {
    let (client, server) = io::duplex(segment);
    let (mut receiving, mut sending) = io::split(client);
    let (_running, stopping) = watch::channel(false);
    let send = async {
        // The tracker may close at any time.
        let _ = sending.write_all(request).await;
        let _ = sending.shutdown().await;
    };
    let mut received = Vec::new();
    let all = async {
        tokio::join!(
            http::converse(server, source, frontend, counters, stopping),
            send,
            receiving.read_to_end(&mut received)
        )
    };
    let ((), (), read) = time::timeout(HANGING, all).await.expect("who has nothing more to say is not waited for");
    read.expect("memory can be read");
    received
}

/// Nobody is waited for long enough to run out of time.
fn config() -> http::Config {
    http::Config {
        request_timeout: Period::seconds(3_600),
        idle_timeout: Period::seconds(3_600),
        trusted_proxies: ["10.0.0.0/8", "2001:db8:f::/48"].map(|network| network.parse().expect("a network")).into(),
        ..http::Config::default()
    }
}

fn responses(received: &[u8]) -> Vec<Response> {
    let mut rest = received;
    let take = || {
        let (response, behind) = (!rest.is_empty()).then(|| Response::take(rest))?.expect("a response is well formed");
        rest = behind;
        Some(response)
    };
    iter::from_fn(take).collect()
}

/// The body of a response that has one.
fn dictionary(response: &Response) -> Option<Value> {
    let bencoded = response.status == 200;
    assert_eq!(response.header("content-type"), bencoded.then_some("text/plain"), "{response:?}");
    if !bencoded || response.header("content-length").is_none() {
        assert!(response.body.is_empty(), "{response:?}");
        return None;
    }
    let reply = bencode::decode(&response.body).expect("a reply is bencoded");
    assert!(reply.as_dictionary().is_some());
    Some(reply)
}

/// The same but for the time and the choice of peers; fewer where a body had not come yet, which closes a connection.
fn assert_same(whole: &[Response], cut: &[Response]) {
    assert!(cut.len() <= whole.len(), "{cut:?} not {whole:?}");
    for (cut, whole) in iter::zip(cut, whole) {
        assert_eq!((cut.status, without_peers(cut)), (whole.status, without_peers(whole)));
    }
}

fn without_peers(response: &Response) -> Option<Vec<(Vec<u8>, Value)>> {
    let reply = dictionary(response)?;
    let entries = reply.as_dictionary()?.iter().filter(|(key, _)| !key.starts_with(b"peers"));
    Some(entries.map(|(key, value)| (key.clone(), value.clone())).collect())
}

fn stretched(request: &[u8]) -> Vec<u8> {
    let stretch = |byte: &u8| match *byte {
        0xff => iter::repeat_n(b'x', 1_024),
        byte => iter::repeat_n(byte, 1),
    };
    request.iter().flat_map(stretch).take(AT_ONCE).collect()
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().into(),
        IpAddr::V6(v6) => v6.octets().into(),
    }
}

const PROXIES: [&str; 2] = ["10.0.0.1", "2001:db8:f::1"];
const SOURCES: [&str; 5] = [PROXIES[0], PROXIES[1], "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.2"];

/// As much as anybody sends: more than two heads that are too large.
const AT_ONCE: usize = 64 << 10;

/// A head of so many bytes is never too large.
const SURELY_READ_BYTES: usize = 16 << 10;

/// Far more than a conversation takes in memory.
const HANGING: Duration = Duration::from_secs(20);
