//! One TCP connection, read no further than each response goes.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use socket2::{Domain, Protocol, Socket, Type};

use super::Response;
use crate::{Failure, Malformed};

/// No tracker has that much to say before the body.
const MAX_HEAD: usize = 64 * 1024;

/// Bytes read at once.
const READ_SIZE: usize = 16 * 1024;

/// A connection and what has been received but not read: the start of a further response.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Connection {
    /// Connects from `local`, which the standard library's own `connect` has no way to say.
    pub(super) fn open(local: IpAddr, tracker: SocketAddr, timeout: Duration) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(tracker), Type::STREAM, Some(Protocol::TCP))?;
        // A load generator opens more connections than there are ports, were each to wait out the last one's TIME_WAIT.
        socket.set_reuse_address(true)?;
        socket.bind(&SocketAddr::new(local, 0).into())?;
        socket.connect_timeout(&tracker.into(), timeout)?;
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(timeout))?;
        Ok(Self { stream, unread: Vec::new() })
    }

    pub(super) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.stream.local_addr()
    }

    pub(super) fn has_unread(&self) -> bool {
        !self.unread.is_empty()
    }

    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    pub(super) fn read_response(&mut self, head_only: bool, deadline: Instant) -> Result<Response, Failure> {
        let head = self.read_head(deadline)?;
        let mut response = Response::parse_head(&head)?;
        if !head_only {
            response.body = self.read_body(response.content_length()?, deadline)?;
        }
        Ok(response)
    }

    /// Waits for the end of the stream: false when it has not come at the deadline, a failure when bytes come first.
    pub(super) fn closed(&mut self, deadline: Instant) -> Result<bool, Failure> {
        let outcome = if self.has_unread() { Ok(()) } else { self.receive(deadline) };
        match outcome {
            Ok(()) => Err(Malformed::new("bytes after the last response").into()),
            Err(Failure::Closed) => Ok(true),
            Err(Failure::Silence) => Ok(false),
            Err(other) => Err(other),
        }
    }

    /// Takes a head and the empty line after it, and returns the head alone.
    fn read_head(&mut self, deadline: Instant) -> Result<Vec<u8>, Failure> {
        const END: &[u8] = b"\r\n\r\n";
        loop {
            if let Some(length) = self.unread.windows(END.len()).position(|window| window == END) {
                let head = self.unread.drain(..length).collect();
                self.unread.drain(..END.len());
                return Ok(head);
            }
            if self.unread.len() > MAX_HEAD {
                return Err(Malformed::new("response head too large").into());
            }
            self.receive(deadline)?;
        }
    }

    fn read_body(&mut self, length: usize, deadline: Instant) -> Result<Vec<u8>, Failure> {
        while self.unread.len() < length {
            self.receive(deadline)?;
        }
        Ok(self.unread.drain(..length).collect())
    }

    /// Waits for at least one byte more.
    fn receive(&mut self, deadline: Instant) -> Result<(), Failure> {
        let mut buffer = [0; READ_SIZE];
        loop {
            let remaining = deadline.saturating_duration_since(Instant::now());
            if remaining.is_zero() {
                return Err(Failure::Silence);
            }
            self.stream.set_read_timeout(Some(remaining))?;
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(Failure::Closed),
                Ok(length) => {
                    self.unread.extend_from_slice(&buffer[..length]);
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
