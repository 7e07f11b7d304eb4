//! Answers operators, one request per connection, on the main thread.

use std::convert::Infallible;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::task::JoinSet;
use tokio::time;

use super::explain::Question;
use super::{CONTENT_SECURITY_POLICY, View};
use crate::sys::Listener;

/// Serves what connects to `listener` until it is dropped.
pub async fn serve(listener: Listener, view: Arc<View>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            // Others wait in the kernel's queue until one of these ends, which is soon.
            accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                Ok((socket, _)) => drop(connections.spawn(time::timeout(PATIENCE, converse(socket, Arc::clone(&view))))),
                Err(_) => time::sleep(ACCEPT_PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Answers one request.
async fn converse(socket: TcpStream, view: Arc<View>) {
    let Ok(socket) = tokio::net::TcpStream::from_std(socket) else { return };
    let service = service_fn(|request: Request<Incoming>| {
        let view = &view;
        async move { Ok::<_, Infallible>(view.answer(request.method(), request.uri()).await) }
    });
    let mut builder = http1::Builder::new();
    builder.keep_alive(false).half_close(true).max_buf_size(MAX_HEAD_BYTES).header_read_timeout(None);
    // How it ended is the client's affair.
    let _ = builder.serve_connection(TokioIo::new(socket), service).await;
}

impl View {
    /// What a path has to tell. The response to HEAD loses its body on the way.
    async fn answer(&self, method: &Method, target: &Uri) -> Response<Full<Bytes>> {
        let mut response = match target.path() {
            _ if !matches!(*method, Method::GET | Method::HEAD) => {
                let mut refusal = plain(StatusCode::METHOD_NOT_ALLOWED, "GET or HEAD\n".into(), TEXT);
                refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
                refusal
            }
            "/explain" => match Question::of_query(target.query().unwrap_or_default()) {
                Ok(question) => plain(StatusCode::OK, self.explain(question).await, TEXT),
                Err(wrong) => plain(StatusCode::BAD_REQUEST, wrong + "\n", TEXT),
            },
            "/" => page(self.page("/stats.json")),
            "/metrics" => plain(StatusCode::OK, self.metrics(), METRICS),
            "/stats.json" => plain(StatusCode::OK, self.stats_json(), JSON),
            // Whoever is answered here finds all addresses bound and the store open.
            "/health" => plain(StatusCode::OK, "alive\n".into(), TEXT),
            "/ready" if self.stats().degraded => plain(StatusCode::OK, "ready, degraded\n".into(), TEXT),
            "/ready" => plain(StatusCode::OK, "ready\n".into(), TEXT),
            _ => plain(
                StatusCode::NOT_FOUND,
                "There are /, /metrics, /stats.json, /health, /ready and /explain.\n".into(),
                TEXT,
            ),
        };
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

fn page(page: String) -> Response<Full<Bytes>> {
    let mut response = plain(StatusCode::OK, page, HTML);
    let policy = HeaderValue::from_static(CONTENT_SECURITY_POLICY);
    response.headers_mut().insert(hyper::header::CONTENT_SECURITY_POLICY, policy);
    response
}

fn plain(status: StatusCode, body: String, kind: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

const HTML: &str = "text/html; charset=utf-8";

const JSON: &str = "application/json";

const TEXT: &str = "text/plain; charset=utf-8";

/// The text format of Prometheus.
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Operators and their machines are few.
const MAX_CONNECTIONS: usize = 16;

/// From being accepted to the last byte of the answer: as long as Prometheus waits.
const PATIENCE: Duration = Duration::from_secs(10);

/// A request of ours is a line; the rest is what browsers and proxies add.
const MAX_HEAD_BYTES: usize = 16 << 10;

/// Long enough not to spin while the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
