//! From a request's head to its response.

use std::iter;
use std::net::IpAddr;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};
use tokio::time::Instant;

use super::Frontend;
use super::client_address::UnknownClient;
use crate::bittorrent::{Family, PerFamily, Retry};
use crate::clock::Now;
use crate::counters::{Action, Counter, Counters, Outcome, Transport::Http};
use crate::storage::{self, Answer, Batch, Entry, Reply};
use crate::tracker::Rejection;
use crate::wire::http::{AnnounceReply, AnnounceRequest, RequestError, ScrapeReply, ScrapeRequest, write_failure};

/// What is new with each request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// When it is.
    pub(super) now: Now,
    /// A random number for the choice of peers.
    pub(super) seed: u64,
    /// A random number for the interval.
    pub(super) jitter: u32,
}

impl Frontend {
    /// Answers one request over a connection from `source`, and counts it.
    pub(super) async fn answer(
        &self,
        head: &Parts,
        source: IpAddr,
        moment: Moment,
        counters: &Counters,
    ) -> Response<Full<Bytes>> {
        let asked = Instant::now();
        let family = Family::of(source.to_canonical());
        let route = self.action(head.uri.path());
        // Who asks by another method asks nothing of a swarm.
        let action = if head.method == Method::GET { route } else { Action::Other };
        counters.count(Counter::Request(Http, family, action));
        let (outcome, response) = self.respond(route, head, source, moment, counters).await;
        counters.count(Counter::Response(Http, family, action, outcome));
        counters.durations.requests(Http, action).observe(asked.elapsed(), 1);
        response
    }

    /// Failures have status 200 like all that is bencoded, for many clients do not read the body of any other.
    async fn respond(
        &self,
        route: Action,
        head: &Parts,
        source: IpAddr,
        moment: Moment,
        counters: &Counters,
    ) -> (Outcome, Response<Full<Bytes>>) {
        if let Some(response) = self.status(head) {
            return (Outcome::Ok, response);
        }
        let answer = match (route, &head.method) {
            (Action::Connect | Action::Other, _) => return (Outcome::Error, bare(StatusCode::NOT_FOUND)),
            (_, &Method::HEAD) => return (Outcome::Ok, bencoded(Vec::new())),
            (Action::Announce, &Method::GET) => self.announce(head, source, moment, counters).await,
            (Action::Scrape, &Method::GET) => self.scrape(head, source, moment, counters).await,
            _ => return (Outcome::Error, method_not_allowed()),
        };
        let outcome = if answer.is_ok() { Outcome::Ok } else { Outcome::Error };
        (outcome, bencoded(answer.unwrap_or_else(Refusal::into_bencode)))
    }

    /// The status page, or its numbers.
    fn status(&self, head: &Parts) -> Option<Response<Full<Bytes>>> {
        let path = head.uri.path();
        let [page, numbers] = &self.status_paths;
        // A request line without a path has an empty one, which is no path to be had.
        if path.is_empty() || path != page && path != numbers || !matches!(head.method, Method::GET | Method::HEAD) {
            return None;
        }
        let status = self.status.get()?;
        let (body, kind) = if path == page {
            ((status.page)(numbers), "text/html; charset=utf-8")
        } else {
            ((status.numbers)(), "application/json")
        };
        let mut response = Response::new(Full::from(body));
        let policy = HeaderValue::from_static(status.content_security_policy);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Some(response)
    }

    fn action(&self, path: &str) -> Action {
        match path {
            path if path == self.announce_path => Action::Announce,
            path if path == self.scrape_path => Action::Scrape,
            _ => Action::Other,
        }
    }

    async fn announce(
        &self,
        head: &Parts,
        source: IpAddr,
        moment: Moment,
        counters: &Counters,
    ) -> Result<Vec<u8>, Refusal> {
        let client = self.proxies.client(source, &head.headers)?;
        let AnnounceRequest { announce, peer_form } = AnnounceRequest::parse(query(head), client)?;
        let (admitted, interval_seconds, min_interval_seconds) = {
            let live = self.tracker.live();
            let admitted = live.admit(&announce, u32::MAX, true)?;
            (admitted, live.interval_seconds(moment.jitter), live.min_interval_seconds())
        };
        let peer_bytes = admitted.want.peers as usize * Family::of(client).peer_length();
        let mut batch = batch(moment, 1, peer_bytes);
        batch.push(admitted);
        let batch = self.apply(moment, batch, counters).await;
        let Some(Reply::Announce { counts, peers }) = batch.entries.first().map(|entry| entry.reply) else {
            return Err(Rejection::Overloaded.into());
        };
        let reply = AnnounceReply {
            counts,
            requester: client,
            interval_seconds,
            min_interval_seconds,
            peers: PerFamily { v4: batch.compact(peers.v4), v6: batch.compact(peers.v6) },
            peer_form,
        };
        let mut body = Vec::with_capacity(REPLY_BYTES + batch.peers.len());
        reply.write(&mut body);
        Ok(body)
    }

    async fn scrape(
        &self,
        head: &Parts,
        source: IpAddr,
        moment: Moment,
        counters: &Counters,
    ) -> Result<Vec<u8>, Refusal> {
        let family = Family::of(self.proxies.client(source, &head.headers)?);
        let ScrapeRequest { info_hashes } = ScrapeRequest::parse(query(head))?;
        let min_request_interval_seconds = self.tracker.live().min_interval_seconds();
        let scrapes = info_hashes.iter().map(|info_hash| storage::Scrape { info_hash: *info_hash, family });
        let mut batch = batch(moment, scrapes.len(), 0);
        scrapes.for_each(|scrape| batch.push(scrape));
        let batch = self.apply(moment, batch, counters).await;
        let counts = batch.entries.iter().map(|entry| match entry.reply {
            Reply::Scrape { counts } => Ok(counts),
            _ => Err(Rejection::Overloaded),
        });
        let counts = counts.collect::<Result<Vec<_>, _>>()?;
        let mut body = Vec::with_capacity(REPLY_BYTES + FILE_BYTES * counts.len());
        ScrapeReply { files: iter::zip(info_hashes, counts), min_request_interval_seconds }.write(&mut body);
        Ok(body)
    }

    async fn apply(&self, moment: Moment, batch: Batch, counters: &Counters) -> Batch {
        let asked = Instant::now();
        let batch = match self.tracker.apply(moment.now, batch) {
            Answer::Ready(batch) => batch,
            Answer::Pending(answer) => answer.await,
        };
        let answered = |entry: &Entry| !matches!(entry.reply, Reply::Unanswered | Reply::Failed);
        let outcome = if batch.entries.iter().all(answered) { Outcome::Ok } else { Outcome::Error };
        counters.count(Counter::Storage(outcome));
        counters.durations.storage(outcome).observe(asked.elapsed(), 1);
        batch
    }
}

/// Why a client gets a failure.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
enum Refusal {
    /// What it asks makes no sense.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// What it asks is not granted.
    #[error(transparent)]
    Policy(#[from] Rejection),
    /// Who asks is not known.
    #[error(transparent)]
    Client(#[from] UnknownClient),
}

impl Refusal {
    fn into_bencode(self) -> Vec<u8> {
        let mut body = Vec::new();
        write_failure(&mut body, &self.to_string(), self.retry());
        body
    }

    /// When another try makes sense (BEP 31). A proxy may be mended at any time, so nothing is said of that.
    fn retry(self) -> Option<Retry> {
        match self {
            Self::Request(_) => Some(Retry::Never),
            Self::Policy(rejection) => Some(rejection.retry()),
            Self::Client(_) => None,
        }
    }
}

/// A batch with room for so many requests, and for the peers of their replies.
fn batch(moment: Moment, requests: usize, peer_bytes: usize) -> Batch {
    Batch { seed: moment.seed, entries: Vec::with_capacity(requests), peers: Vec::with_capacity(peer_bytes) }
}

fn query(head: &Parts) -> &[u8] {
    head.uri.query().unwrap_or_default().as_bytes()
}

fn bencoded(body: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

fn method_not_allowed() -> Response<Full<Bytes>> {
    let mut response = bare(StatusCode::METHOD_NOT_ALLOWED);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

fn bare(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}

/// Room for all of a reply but its peers or files.
const REPLY_BYTES: usize = 256;

/// Room for one file of a scrape reply.
const FILE_BYTES: usize = 96;
