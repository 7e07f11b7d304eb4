//! One connection, from its first byte to its last.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::{Pin, pin};

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use super::Frontend;
use super::handler::Moment;
use super::outbox::Outbox;
use super::patience::{Patience, Watched};
use crate::bittorrent::Family;
use crate::counters::{Counter, Counters, Rejected, Transport::Http};

/// Answers requests from `source` until either side has had enough; any stream of bytes will do.
///
/// Once `shutdown` says so, a request in flight is still answered; no other is waited for.
pub async fn converse(
    socket: impl AsyncRead + AsyncWrite + Unpin,
    source: IpAddr,
    frontend: &Frontend,
    counters: &Counters,
    mut shutdown: watch::Receiver<bool>,
) {
    let patience = &Patience::new(frontend.limits);
    let service = service_fn(|request: Request<Incoming>| async move {
        patience.asked();
        // A body means nothing to a tracker. hyper passes over one that has come already and closes before any other.
        let (head, _) = request.into_parts();
        let moment = Moment { now: frontend.clock.now(), seed: rand::random(), jitter: rand::random() };
        let response = frontend.answer(&head, source, moment, counters).await;
        patience.answered();
        Ok::<_, Infallible>(response)
    });
    let family = Family::of(source.to_canonical());
    let passed = |sent: bool, bytes: usize| {
        let counter = if sent { Counter::Sent(Http, family) } else { Counter::Received(Http, family) };
        counters.add(counter, bytes as u64);
    };
    let mut outbox = Outbox::new(socket);
    // Nothing of the lock on `shutdown` may be held while the conversation goes on.
    let stopping = async { drop(shutdown.wait_for(|stop| *stop).await) };
    let conversation = async {
        {
            let socket = TokioIo::new(Watched { socket: &mut outbox, patience, passed });
            let mut connection = pin!(builder().serve_connection(socket, service));
            tokio::select! {
                biased;
                // How else it ended is the client's affair.
                ended = &mut connection => {
                    if ended.is_err_and(|error| error.is_parse()) {
                        counters.count(Counter::Rejected(Rejected::Head));
                    }
                }
                () = stopping => {
                    connection.as_mut().graceful_shutdown();
                    let _ = connection.await;
                }
            }
        }
        let _ = poll_fn(|context| Pin::new(&mut outbox).poll_flush(context)).await;
    };
    tokio::select! {
        // The conversation comes first: what it has just done decides whether its time has run out.
        biased;
        () = conversation => {}
        () = patience.run_out() => counters.count(Counter::Rejected(Rejected::TimeOut)),
    }
}

/// hyper's own limit of 100 headers stands, for setting one costs an allocation per request.
fn builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.max_buf_size(MAX_HEAD_BYTES).header_read_timeout(None).half_close(true);
    builder
}

/// Room for a request line of 16 KiB, which is a scrape of 200 torrents, and as much again for what proxies add.
const MAX_HEAD_BYTES: usize = 32 << 10;
