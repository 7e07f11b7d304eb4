//! An HTTP tracker's client: one GET, no redirect followed, nothing read beyond what a reply can have.

use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST, LOCATION, USER_AGENT};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{self, Instant};

use super::report::{Announced, Scraped, ScrapedTorrent, Timing, milliseconds, sockets};
use super::text::printable;
use super::{ProbeError, Target};
use crate::bittorrent::{self, Event, InfoHash};
use crate::units::Period;
use crate::wire::http::{self as wire, Answer};

/// A tracker at one of its addresses.
pub(super) struct Client<'a> {
    pub(super) target: &'a Target,
    pub(super) address: SocketAddr,
}

impl Client<'_> {
    pub(super) async fn announce(
        &self,
        announce: &bittorrent::Announce,
        patience: Duration,
    ) -> Result<Announced, ProbeError> {
        let path = self.target.announce_path(&wire::announce_query(announce, rand::random()));
        let (body, timing) = self.get(&path, patience).await?;
        let told = accepted(&body, wire::announced)?;
        // Who leaves need not be told when to come back, nor of whom.
        if announce.event != Event::Stopped && (told.interval_seconds.is_none() || told.peers.is_none()) {
            let missing = if told.peers.is_none() { "peers" } else { "interval" };
            return Err(ProbeError::Malformed(format!("a dictionary without `{missing}`")));
        }
        Ok(Announced {
            interval_seconds: told.interval_seconds,
            min_interval_seconds: told.min_interval_seconds,
            seeders: told.seeders,
            leechers: told.leechers,
            completed: told.completed,
            peers: sockets(told.peers.unwrap_or_default()),
            other_peers: told.other_peers,
            stray_bytes: 0,
            external_address: told.external_address,
            tracker_id: told.tracker_id.as_deref().map(printable),
            warning: told.warning.as_deref().map(printable),
            left: None,
            timing,
        })
    }

    pub(super) async fn scrape(&self, info_hashes: &[InfoHash], patience: Duration) -> Result<Scraped, ProbeError> {
        let path = self.target.scrape_path(&wire::scrape_query(info_hashes)).ok_or(ProbeError::NoScrape)?;
        let (body, timing) = self.get(&path, patience).await?;
        let told = accepted(&body, wire::scraped)?;
        let torrent = |hash: &InfoHash| {
            let file = told.files.iter().find(|(name, _)| name == hash).map(|(_, file)| *file);
            ScrapedTorrent::of_file(*hash, file)
        };
        let torrents = info_hashes.iter().map(torrent).collect();
        Ok(Scraped { torrents, min_interval_seconds: told.min_interval_seconds, timing })
    }

    /// The body of a reply with status 200.
    async fn get(&self, path: &str, patience: Duration) -> Result<(Bytes, Timing), ProbeError> {
        let started = Instant::now();
        let slow = |doing| move |_| ProbeError::Slow { doing, waited: Period(patience).to_string() };
        let connected = time::timeout(patience, TcpStream::connect(self.address)).await;
        let stream = connected.map_err(slow("connecting"))?.map_err(ProbeError::of_system)?;
        let connect_milliseconds = Some(milliseconds(started.elapsed()));
        let left = patience.saturating_sub(started.elapsed());
        let body = time::timeout(left, self.exchange(stream, path)).await.map_err(slow("the answer"))??;
        Ok((body, Timing { milliseconds: milliseconds(started.elapsed()), connect_milliseconds, tries: 1 }))
    }

    async fn exchange(&self, stream: TcpStream, path: &str) -> Result<Bytes, ProbeError> {
        // Interim replies without end would keep the parser from ever looking at the clock.
        let (received, sent) = stream.into_split();
        let stream = tokio::io::join(received.take(LARGEST_REPLY), sent);
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(no_http)?;
        let request = Request::get(path)
            .header(HOST, self.target.authority())
            .header(USER_AGENT, concat!("chihaya/", env!("CARGO_PKG_VERSION")))
            .header(CONNECTION, "close")
            .body(Empty::<Bytes>::new())
            .map_err(|error| ProbeError::Malformed(format!("its URL cannot be asked for: {error}")))?;
        let reply = async {
            let response = sender.send_request(request).await.map_err(no_http)?;
            read(response).await
        };
        let (mut reply, mut connection) = (pin!(reply), pin!(connection));
        tokio::select! {
            reply = &mut reply => return reply,
            // Whatever ended it shows in the reply.
            _ = &mut connection => {}
        }
        reply.await
    }
}

async fn read(response: Response<Incoming>) -> Result<Bytes, ProbeError> {
    let status = response.status();
    if status != StatusCode::OK {
        return Err(ProbeError::Malformed(other_status(&response)));
    }
    let body = Limited::new(response.into_body(), LARGEST).collect().await;
    body.map(|body| body.to_bytes()).map_err(|error| {
        let told = error.downcast_ref::<LengthLimitError>().map(|_| format!("a body of more than {LARGEST} bytes"));
        ProbeError::Malformed(told.unwrap_or_else(|| "the body breaks off".into()))
    })
}

fn other_status(response: &Response<Incoming>) -> String {
    let status = response.status();
    let whereto = response.headers().get(LOCATION).filter(|_| status.is_redirection());
    match whereto {
        Some(location) => {
            // Our own query, at some length.
            let place = location.as_bytes().split(|byte| *byte == b'?').next().unwrap_or_default();
            format!("status {status}, to \"{}\": probe that one", printable(place))
        }
        None if status == StatusCode::NOT_FOUND => format!("status {status}: is its path right?"),
        None => format!("status {status}"),
    }
}

/// What hyper could make nothing of, or a connection that was closed on us.
fn no_http(error: hyper::Error) -> ProbeError {
    match error {
        error if error.is_parse() => ProbeError::Malformed("not HTTP".into()),
        error if error.is_incomplete_message() || error.is_closed() || error.is_canceled() => {
            ProbeError::Malformed("the connection was closed without a reply".into())
        }
        error => ProbeError::Malformed(error.to_string()),
    }
}

fn accepted<T>(body: &[u8], read: impl FnOnce(&[u8]) -> Result<Answer<T>, wire::AnswerError>) -> Result<T, ProbeError> {
    let malformed = |error: wire::AnswerError| {
        let start = &body[..body.len().min(START)];
        ProbeError::Malformed(format!("{error}; it begins with \"{}\"", printable(start)))
    };
    match read(body).map_err(malformed)? {
        Answer::Accepted(told) => Ok(told),
        Answer::Refused { reason, retry } => Err(ProbeError::Refused { reason: printable(&reason), retry }),
    }
}

/// Bytes of a body that show what it is instead.
const START: usize = 40;

/// Bytes of a body: ten times those of the longest reply that clients ask for.
const LARGEST: usize = 1 << 20;

/// Bytes of a whole reply, its head and its chunks' sizes among them.
const LARGEST_REPLY: u64 = 2 << 20;
