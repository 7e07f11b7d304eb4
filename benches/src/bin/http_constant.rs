//! A bare HTTP server: what hyper costs that does nothing but answer, the floor under any tracker built on it.
//!
//! `http_constant ADDRESS [PEERS]` answers every request with the same announce reply of that many peers (30 unless told),
//! on one thread, without limits or time-outs.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use chihaya::bittorrent::{Counts, PerFamily};
use chihaya::wire::http::{AnnounceReply, PeerForm};
use chihaya_benches::arguments::{self, MAX_NUMWANT, whole};
use clap::Parser;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// Answer every HTTP request with the same announce reply: the floor for http_load to compare with.
#[derive(Parser)]
#[command(name = "http_constant")]
struct Options {
    /// Address and port to listen at, such as 127.0.0.1:7200
    #[arg(value_parser = arguments::address)]
    address: SocketAddr,
    /// Peers in the reply, 0 to 200
    #[arg(default_value = "30", value_parser = whole(0..=MAX_NUMWANT))]
    peers: u16,
}

fn main() -> ExitCode {
    arguments::run(serve)
}

fn serve(Options { address, peers }: Options) -> Result<()> {
    let reply = Bytes::from(reply(peers.into()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(address).await.with_context(|| address.to_string())?;
        println!("ready");
        loop {
            let (socket, _) = listener.accept().await?;
            let reply = reply.clone();
            tokio::spawn(async move {
                let service = service_fn(|_: Request<Incoming>| {
                    let mut response = Response::new(Full::new(reply.clone()));
                    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
                    async { Ok::<_, Infallible>(response) }
                });
                // How it ended is the client's affair.
                let _ = http1::Builder::new().serve_connection(TokioIo::new(socket), service).await;
            });
        }
    })
}

/// As long as what a tracker would say.
fn reply(peers: usize) -> Vec<u8> {
    let reply = AnnounceReply {
        counts: Counts { seeders: 4, leechers: 36, downloaders: 36, completed: 0 },
        requester: IpAddr::V4(Ipv4Addr::LOCALHOST),
        interval_seconds: 1800,
        min_interval_seconds: 900,
        peers: PerFamily { v4: &[127, 0, 0, 1, 26, 225].repeat(peers), v6: &[] },
        peer_form: PeerForm::Compact,
    };
    let mut body = Vec::new();
    reply.write(&mut body);
    body
}
