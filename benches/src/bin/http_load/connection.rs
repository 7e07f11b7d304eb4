//! One connection to a tracker, looked at without ever waiting.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::IpBindAddressNoPort;
use socket2::{Domain, Protocol, Socket, Type};
use tracker_client::{Failure, Malformed};

/// A connection with at most one request under way.
pub(crate) struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
    /// Whether the tracker is to close after its reply.
    last: bool,
}

impl Connection {
    /// Connects from `local`; over the loopback that takes no time.
    pub(crate) fn open(local: IpAddr, tracker: SocketAddr, last: bool) -> Result<Self, Failure> {
        let socket = Socket::new(Domain::for_address(tracker), Type::STREAM, Some(Protocol::TCP))?;
        // Or each address would run out of ports: only together with the tracker's may they be taken again.
        setsockopt(&socket, IpBindAddressNoPort, &true).map_err(io::Error::from)?;
        socket.bind(&SocketAddr::new(local, 0).into())?;
        socket.connect(&tracker.into())?;
        socket.set_nonblocking(true)?;
        Ok(Self { stream: socket.into(), received: Vec::new(), last })
    }

    /// Whether it ends with its first reply.
    pub(crate) fn is_last(&self) -> bool {
        self.last
    }

    /// Sends a request whole: an idle connection has room for it.
    pub(crate) fn ask(&mut self, request: &[u8]) -> Result<(), Failure> {
        self.received.clear();
        Ok(self.stream.write_all(request)?)
    }

    /// The body of the reply once all of it has come, and the end of the connection where that is to follow.
    pub(crate) fn reply(&mut self) -> Result<Option<&[u8]>, Failure> {
        let mut buffer = [0; READ_SIZE];
        let length = match self.stream.read(&mut buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        self.received.extend_from_slice(&buffer[..length]);
        let ended = length == 0;
        match body(&self.received)? {
            Some(body) if ended == self.last => Ok(Some(body)),
            _ if ended => Err(Failure::Closed),
            _ => Ok(None),
        }
    }
}

/// The body of a response of status 200 (RFC 9112) once it is there, and not a byte more.
fn body(response: &[u8]) -> Result<Option<&[u8]>, Failure> {
    let Some(end) = response.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let (head, body) = (&response[..end], &response[end + 4..]);
    let ok = head.starts_with(b"HTTP/1.") && head.get(8..12) == Some(b" 200");
    match content_length(head) {
        Some(length) if ok && body.len() <= length => Ok(Some(body).filter(|body| body.len() == length)),
        _ => Err(Malformed(response.escape_ascii().to_string()).into()),
    }
}

fn content_length(head: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"content-length:";
    let mut lines = head.split(|byte| *byte == b'\n');
    let line = lines.find(|line| line.get(..NAME.len()).is_some_and(|name| name.eq_ignore_ascii_case(NAME)))?;
    str::from_utf8(&line[NAME.len()..]).ok()?.trim().parse().ok()
}

/// More than a reply with 200 peers of either family.
const READ_SIZE: usize = 8 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_has_its_length_exactly() {
        let whole = b"HTTP/1.1 200 OK\r\nX: y\r\ncontent-Length: 2\r\n\r\nde".as_slice();
        assert_eq!(body(whole), Ok(Some(b"de".as_slice())));
        for length in 0..whole.len() {
            assert_eq!(body(&whole[..length]), Ok(None), "{length}");
        }
        assert!(body(&[whole, b"e"].concat()).is_err());
    }

    #[test]
    fn a_reply_has_status_200_and_a_length() {
        for response in [
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\n",
            "de\r\n\r\n",
        ] {
            assert!(body(response.as_bytes()).is_err(), "{response}");
        }
    }
}
