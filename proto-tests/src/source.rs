//! A source of datagrams, good and bad, that knows when the tracker has dealt with all of them.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use tracker_client::Family;
use tracker_client::udp::packet;

/// One socket, and the connection id its address was issued last.
///
/// Silence is proved without waiting: a [mark](Self::mark), which is a connect, follows what may go unanswered. A tracker
/// of one worker answers in order, so what has had no reply when the mark's comes will have none.
pub struct Source {
    socket: UdpSocket,
    family: Family,
    id: u64,
    buffer: Box<[u8]>,
    marks: u32,
}

impl Source {
    /// Connects to `tracker` from a free port of `local`.
    pub fn new(local: IpAddr, tracker: SocketAddr) -> Self {
        let socket = UdpSocket::bind((local, 0)).expect("a socket can be bound");
        socket.connect(tracker).expect("the loopback leads to the tracker");
        socket.set_read_timeout(Some(PATIENCE)).expect("a socket takes a time-out");
        let buffer = vec![0; RECEIVE_BUFFER].into();
        let mut source = Self { socket, family: Family::of(local), id: 0, buffer, marks: FIRST_MARK };
        source.mark();
        source.settle(|reply| panic!("a reply to nothing: {reply:02x?}"));
        source
    }

    /// The connection id in use, which each [`settle`](Self::settle) renews.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The family the tracker sees.
    pub fn family(&self) -> Family {
        self.family
    }

    /// Sends a datagram.
    pub fn send(&self, datagram: &[u8]) {
        self.socket.send(datagram).expect("the loopback takes datagrams");
    }

    /// Sends the connect whose reply ends the next [`settle`](Self::settle).
    pub fn mark(&mut self) {
        self.marks += 1;
        self.send(&packet::connect(self.marks));
    }

    /// Passes on the replies to all that was sent before the last mark.
    pub fn settle(&mut self, mut reply: impl FnMut(&[u8])) {
        loop {
            let received = self.socket.recv(&mut self.buffer);
            let length = received.unwrap_or_else(|error| panic!("the tracker does not answer a connect: {error}"));
            match self.buffer[..length].split_at_checked(8) {
                Some((head, id)) if id.len() == 8 && head == &packet::connect(self.marks)[8..] => {
                    self.id = u64::from_be_bytes(id.try_into().expect("8 bytes"));
                    return;
                }
                _ => reply(&self.buffer[..length]),
            }
        }
    }

    /// Sends all of these and returns the reply to each. Those that have a transaction id get another, all different.
    pub fn ask(&mut self, datagrams: &mut [Vec<u8>]) -> Vec<Option<Vec<u8>>> {
        let mut answered = HashMap::new();
        for (first, part) in (0..).step_by(BURST as usize).zip(datagrams.chunks_mut(BURST as usize)) {
            for (transaction, datagram) in (first..).zip(part) {
                if let Some(place) = datagram.get_mut(12..16) {
                    place.copy_from_slice(&u32::to_be_bytes(transaction));
                }
                self.send(datagram);
            }
            self.mark();
            self.settle(|reply| {
                let transaction = reply.get(4..8).expect("a reply has a transaction id").to_vec();
                let before = answered.insert(transaction, reply.to_vec());
                assert_eq!(before, None, "two replies to one request");
            });
        }
        let replies = datagrams.iter().map(|datagram| answered.remove(datagram.get(12..16)?)).collect();
        assert!(answered.is_empty(), "replies to nothing: {answered:02x?}");
        replies
    }
}

/// Datagrams of any size up to 2,000 bytes of which two bursts fit a receive buffer of the usual limit, 208 KiB.
pub const BURST: u32 = 40;

/// The longest reply a tracker may send, and room for longer ones to be seen.
const RECEIVE_BUFFER: usize = 4_096;

/// Marks count up from here, far from other transaction ids.
const FIRST_MARK: u32 = 0xfeed_0000;

/// A connect that waits longer for its reply is lost, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);
