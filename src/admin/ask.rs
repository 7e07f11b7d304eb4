//! The other end: a command that asks a running tracker.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::Config;
use super::explain::Question;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The question makes no sense.
    #[error("{0}")]
    Question(String),
    /// Operators are not served.
    #[error("admin.listen is empty: the tracker explains nothing")]
    Nowhere,
    /// No tracker could be asked.
    #[error("cannot ask the tracker at {address}: {error}; is it running, with admin.listen = [\"{address}\"]?")]
    Unreachable {
        /// Where it should be.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// Something else answered.
    #[error("what answers at {address} is no tracker that explains: {said}")]
    Stranger {
        /// Where it is.
        address: SocketAddr,
        /// The first line of its answer.
        said: String,
    },
}

/// Has the tracker of this configuration explain what becomes of a torrent, and of a client there.
///
/// # Errors
///
/// When the question makes no sense, or nobody answers, or another.
pub fn explain(config: &Config, info_hash: &str, client: Option<&str>) -> Result<String, AskError> {
    let question = Question::parse(info_hash, client).map_err(AskError::Question)?;
    ask(*config.listen.first().ok_or(AskError::Nowhere)?, &question)
}

fn ask(address: SocketAddr, question: &Question) -> Result<String, AskError> {
    let response = exchange(address, &question.target());
    let response = response.map_err(|error| AskError::Unreachable { address, error })?;
    let (head, body) = response.split_once("\r\n\r\n").unwrap_or((&response, ""));
    if head.starts_with("HTTP/1.1 200 ") && body.starts_with("torrent ") {
        return Ok(body.into());
    }
    let said = head.lines().next().unwrap_or_default().chars().take(80).collect();
    Err(AskError::Stranger { address, said })
}

fn exchange(address: SocketAddr, target: &str) -> io::Result<String> {
    let mut socket = TcpStream::connect_timeout(&address, PATIENCE)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    write!(socket, "GET {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut response = Vec::new();
    socket.take(MAX_RESPONSE_BYTES).read_to_end(&mut response)?;
    Ok(String::from_utf8_lossy(&response).into_owned())
}

const PATIENCE: Duration = Duration::from_secs(10);

/// Some lines; a host may have many ports.
const MAX_RESPONSE_BYTES: u64 = 1 << 20;
