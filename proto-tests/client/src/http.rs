//! A tracker over HTTP (BEP 3).

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use crate::{Announce, Announced, Failure, Malformed, Scraped};

mod connection;
mod query;
mod reply;
mod response;

use connection::Connection;
pub use query::{announce_query, percent_encode, scrape_query};
pub use reply::{decode_announce, decode_scrape};
pub use response::Response;

/// One client: one connection at a time, kept while the tracker keeps it.
///
/// A request opens a connection when there is none, or when the last response said that the tracker closes it. One that
/// the tracker closed without saying so ends the next request in [`Failure::Closed`]: nothing is sent twice.
#[derive(Debug)]
pub struct Client {
    local: IpAddr,
    tracker: SocketAddr,
    timeout: Duration,
    headers: String,
    connection: Option<Connection>,
    last: bool,
}

impl Client {
    /// Asks `tracker` from `local`, connecting when there is something to send; each answer may take `timeout`.
    pub fn new(local: IpAddr, tracker: SocketAddr, timeout: Duration) -> Self {
        Self { local, tracker, timeout, headers: String::new(), connection: None, last: false }
    }

    /// Adds a header to the requests this client composes.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.extend([name, ": ", value, "\r\n"]);
        self
    }

    /// Announces, asking for compact peers (BEP 23); `path` is usually `/announce`.
    pub fn announce(&mut self, path: &str, announce: &Announce) -> Result<Announced, Failure> {
        self.announce_with(path, announce, "compact=1")
    }

    /// Announces with these parameters in place of `compact=1`, as they stand.
    pub fn announce_with(&mut self, path: &str, announce: &Announce, extra: &str) -> Result<Announced, Failure> {
        let query = announce_query(announce);
        let separator = if extra.is_empty() { "" } else { "&" };
        decode_announce(&self.ask(path, &format!("{query}{separator}{extra}"))?)
    }

    /// Scrapes (BEP 48); the counts come in the order of the request, and for every torrent of it.
    pub fn scrape(&mut self, path: &str, info_hashes: &[[u8; 20]]) -> Result<Vec<Scraped>, Failure> {
        let files = decode_scrape(&self.ask(path, &scrape_query(info_hashes))?)?;
        if files.keys().any(|info_hash| !info_hashes.contains(info_hash)) {
            return Err(Malformed::new("a torrent that was not asked for").into());
        }
        let scraped: Option<_> = info_hashes.iter().map(|info_hash| files.get(info_hash).copied()).collect();
        scraped.ok_or_else(|| Malformed::new("a torrent asked for is missing").into())
    }

    /// Sends a GET and reads the response, whatever its status.
    pub fn get(&mut self, path_and_query: &str) -> Result<Response, Failure> {
        self.request("GET", path_and_query)
    }

    /// Sends a request without a body and reads the response, whatever its status; one to HEAD has no body either.
    pub fn request(&mut self, method: &str, path_and_query: &str) -> Result<Response, Failure> {
        if self.last {
            self.disconnect();
        }
        if self.connection.as_ref().is_some_and(Connection::has_unread) {
            return Err(Malformed::new("bytes after the last response").into());
        }
        let Self { tracker, headers, .. } = self;
        let request = format!("{method} {path_and_query} HTTP/1.1\r\nHost: {tracker}\r\n{headers}\r\n");
        self.send(request.as_bytes())?;
        self.read_response(method == "HEAD")
    }

    /// Sends these bytes as they are, on the open connection or on a new one.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        Ok(self.connection()?.send(bytes)?)
    }

    /// Reads one response, and no byte more than its length; `head_only` for one to HEAD.
    pub fn read_response(&mut self, head_only: bool) -> Result<Response, Failure> {
        let deadline = Instant::now() + self.timeout;
        let response = self.connection()?.read_response(head_only, deadline)?;
        self.last = response.is_last();
        Ok(response)
    }

    /// Waits for the tracker to close the connection: false when it has not at the time-out.
    ///
    /// Bytes that come before are a failure. No connection at all counts as closed.
    pub fn closed(&mut self) -> Result<bool, Failure> {
        let deadline = Instant::now() + self.timeout;
        self.connection.as_mut().map_or(Ok(true), |connection| connection.closed(deadline))
    }

    /// Closes the connection, so that the next request opens another.
    pub fn disconnect(&mut self) {
        self.connection = None;
        self.last = false;
    }

    /// The address the tracker sees, opening a connection when there is none.
    pub fn local_addr(&mut self) -> Result<SocketAddr, Failure> {
        Ok(self.connection()?.local_addr()?)
    }

    /// The body of a good response: trackers answer 200 even to what they refuse (BEP 3, "failure reason").
    fn ask(&mut self, path: &str, query: &str) -> Result<Vec<u8>, Failure> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let response = self.get(&format!("{path}{separator}{query}"))?;
        if response.status == 200 { Ok(response.body) } else { Err(Failure::Status(response.status)) }
    }

    fn connection(&mut self) -> io::Result<&mut Connection> {
        if self.connection.is_none() {
            self.connection = Some(Connection::open(self.local, self.tracker, self.timeout)?);
            self.last = false;
        }
        self.connection.as_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

#[cfg(test)]
mod tests;
