//! Datagrams of one socket, many to a system call.

use std::io::{IoSlice, IoSliceMut};
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

use anyhow::{Context as _, Result};
use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmsg};

/// Buffers for received datagrams, and what the two system calls need. Serves any number of connected sockets in
/// turn.
pub(super) struct Batch {
    incoming: MultiHeaders<SockaddrStorage>,
    buffers: Box<[[u8; LENGTH]; BURST]>,
    lengths: [usize; BURST],
}

impl Batch {
    /// Room for [`BURST`] datagrams.
    pub(super) fn new() -> Self {
        Self {
            incoming: MultiHeaders::preallocate(BURST, None),
            buffers: Box::new([[0; LENGTH]; BURST]),
            lengths: [0; BURST],
        }
    }

    /// Sends all of these, [`BURST`] at most, and waits where the system wants it.
    ///
    /// Those of one length leave in one piece, which the kernel cuts at the receiver's socket (`UDP_SEGMENT` of
    /// udp(7)): the way through the kernel, most of what a datagram costs its sender, is gone once for all of them.
    /// The receiver pays for each as ever. So one core keeps any server busy, whose replies go their way one by one.
    ///
    /// # Errors
    ///
    /// If nobody listens at the other end, or the system reports anything else.
    pub(super) fn send(&self, socket: &UdpSocket, packets: &[Vec<u8>]) -> Result<()> {
        let mut sent = [false; BURST];
        for first in 0..packets.len() {
            if sent[first] {
                continue;
            }
            let length = packets[first].len();
            let mut slices = [IoSlice::new(&[]); BURST];
            let mut count = 0;
            for (packet, sent) in packets.iter().zip(&mut sent) {
                if packet.len() == length {
                    slices[count] = IoSlice::new(packet);
                    *sent = true;
                    count += 1;
                }
            }
            let at_once = MAX_LENGTH / length.max(1);
            slices[..count].chunks(at_once).try_for_each(|slices| send_in_pieces(socket, slices, length))?;
        }
        Ok(())
    }

    /// Receives what is there, [`BURST`] at most, and never waits.
    ///
    /// # Errors
    ///
    /// If the server has gone, or the system reports anything else.
    pub(super) fn receive(&mut self, socket: &UdpSocket) -> Result<usize> {
        let mut slices = self.buffers.each_mut().map(|buffer| [IoSliceMut::new(buffer)]);
        let received =
            recvmmsg(socket.as_raw_fd(), &mut self.incoming, slices.iter_mut(), MsgFlags::MSG_DONTWAIT, None);
        match received {
            Ok(results) => {
                let mut count = 0;
                for (length, result) in self.lengths.iter_mut().zip(results) {
                    *length = result.bytes;
                    count += 1;
                }
                Ok(count)
            }
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(0),
            Err(error) => Err(error).context("cannot receive"),
        }
    }

    /// One of the datagrams received last.
    pub(super) fn payload(&self, index: usize) -> &[u8] {
        &self.buffers[index][..self.lengths[index]]
    }
}

fn send_in_pieces(socket: &UdpSocket, slices: &[IoSlice<'_>], length: usize) -> Result<()> {
    let length = u16::try_from(length).expect("a request fits a packet");
    let control = [ControlMessage::UdpGsoSegments(&length)];
    loop {
        match sendmsg(socket.as_raw_fd(), slices, &control, MsgFlags::empty(), CONNECTED) {
            Ok(_) => return Ok(()),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error).context("cannot send"),
        }
    }
}

/// Datagrams per system call.
pub const BURST: usize = 64;

/// Longer than any reply that fits a packet of an Ethernet.
const LENGTH: usize = 2_048;

/// Bytes that one call may send, however they will be cut.
const MAX_LENGTH: usize = 65_000;

/// A connected socket knows where to send.
const CONNECTED: Option<&SockaddrStorage> = None;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_arrives_whole_whatever_the_lengths() {
        let (one, other) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        one.connect(other.local_addr().unwrap()).unwrap();
        other.connect(one.local_addr().unwrap()).unwrap();
        let mut batch = Batch::new();
        assert_eq!(batch.receive(&other).unwrap(), 0);
        for (lengths, length) in [(1, 1), (2, 16), (7, 98), (1, 1_496)] {
            let packet = |index: u8| vec![index; length + usize::from(index) % lengths];
            let packets: Vec<_> = (0..64).map(packet).collect();
            batch.send(&one, &packets).unwrap();
            assert_eq!(batch.receive(&other).unwrap(), BURST);
            let mut received: Vec<_> = (0..BURST).map(|index| batch.payload(index).to_vec()).collect();
            received.sort_unstable();
            assert_eq!(received, packets);
        }
    }
}
