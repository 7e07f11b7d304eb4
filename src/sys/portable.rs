//! Batches of datagrams one by one, for systems without batched calls.

use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;

use socket2::{SockAddr, SockRef};

use super::{PAYLOAD_LENGTH, Sent};

/// Buffers for a batch of datagrams.
pub struct Messages {
    payloads: Vec<[u8; PAYLOAD_LENGTH]>,
    /// Length and source of each datagram received, and the length of its reply.
    received: Vec<(usize, SockAddr, usize)>,
}

impl Messages {
    /// Room for `capacity` datagrams.
    pub fn new(capacity: usize) -> Self {
        Self { payloads: vec![[0; PAYLOAD_LENGTH]; capacity], received: Vec::with_capacity(capacity) }
    }

    /// Receives what is there, up to the capacity, and forgets the batch before. The socket must not block.
    ///
    /// # Errors
    ///
    /// `WouldBlock` where nothing is there; whatever else the system reports of the first datagram.
    pub fn receive(&mut self, socket: &SockRef<'_>) -> io::Result<usize> {
        self.received.clear();
        for payload in &mut self.payloads {
            // SAFETY: bytes that are initialised may be treated as if they were not, and only bytes are written to them.
            let room = unsafe { &mut *(payload.as_mut_slice() as *mut [u8] as *mut [MaybeUninit<u8>]) };
            match socket.recv_from(room) {
                Ok((length, source)) => self.received.push((length, source, 0)),
                Err(error) if self.received.is_empty() => return Err(error),
                Err(_) => break,
            }
        }
        Ok(self.received.len())
    }

    /// Sends every reply that is not silence. What the system does not take at once is lost.
    pub fn send(&mut self, socket: &SockRef<'_>) -> Sent {
        let mut report = Sent::default();
        let replies = self.payloads.iter().zip(&self.received).filter(|(_, (_, _, reply))| *reply != 0);
        for (payload, (_, source, reply)) in replies {
            match socket.send_to(&payload[..*reply], source) {
                Ok(bytes) => {
                    report.sent += 1;
                    report.bytes += bytes;
                }
                Err(_) => report.failed += 1,
            }
        }
        report
    }

    /// Datagrams in the batch.
    pub fn count(&self) -> usize {
        self.received.len()
    }

    /// What was received, its end cut off if it was longer than a buffer.
    pub fn payload(&self, index: usize) -> &[u8] {
        &self.payloads[index][..self.received[index].0]
    }

    /// Where it came from; an IPv4-mapped address is IPv4.
    pub fn source(&self, index: usize) -> SocketAddr {
        let source = self.received[index].1.as_socket().expect("a UDP socket has IP sources");
        SocketAddr::new(source.ip().to_canonical(), source.port())
    }

    /// The whole buffer, for a reply.
    pub fn buffer(&mut self, index: usize) -> &mut [u8] {
        &mut self.payloads[index]
    }

    /// Has [`send`](Self::send) send the first `length` bytes of the buffer back; 0 is silence.
    pub fn reply(&mut self, index: usize, length: usize) {
        self.received[index].2 = length.min(PAYLOAD_LENGTH);
    }
}

/// Not told here.
///
/// # Errors
///
/// Always.
#[cfg_attr(target_os = "linux", expect(dead_code, reason = "only its other half is tested here"))]
pub fn receive_drops(_socket: &SockRef<'_>) -> io::Result<u32> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Nothing here: replies leave from the address that the routing table chooses. Listen on single addresses instead of a
/// wildcard where that matters.
///
/// # Errors
///
/// None.
#[cfg_attr(target_os = "linux", expect(dead_code, reason = "only its other half is tested here"))]
pub fn receive_packet_info(_socket: &SockRef<'_>, _ipv6: bool) -> io::Result<()> {
    Ok(())
}
