//! Datagrams on their way: what a client means by each, and the transport that the tracker's handler sees.

use std::net::SocketAddr;

use chihaya::udp::{Datagrams, REPLY_LENGTH};
use tracker_client::Announce;

/// One request on its way to the tracker.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    /// Who sent it, by number.
    pub(super) client: usize,
    /// Somebody else did, who has seen it.
    pub(super) forged: bool,
    pub(super) source: SocketAddr,
    pub(super) transaction: u32,
    pub(super) connection_id: u64,
    pub(super) ask: Ask,
    pub(super) bytes: Vec<u8>,
}

/// What a request asks, as its sender meant it: the tracker sees the bytes alone.
#[derive(Clone, Debug)]
pub(super) enum Ask {
    Connect,
    Announce(Announce),
    Scrape(Vec<[u8; 20]>),
}

/// The letters of one batch, each with the buffer that its reply takes over.
pub(super) struct Mail {
    pub(super) letters: Vec<Letter>,
    buffers: Vec<Vec<u8>>,
    replies: Vec<usize>,
}

impl Mail {
    pub(super) fn new(letters: Vec<Letter>) -> Self {
        let buffer = |letter: &Letter| {
            let mut buffer = letter.bytes.clone();
            // What an earlier use might have left there.
            buffer.resize(REPLY_LENGTH.max(buffer.len()), 0xee);
            buffer
        };
        Self { buffers: letters.iter().map(buffer).collect(), replies: vec![0; letters.len()], letters }
    }

    /// What goes back to the sender of a letter; nothing is silence.
    pub(super) fn answer(&self, index: usize) -> &[u8] {
        &self.buffers[index][..self.replies[index]]
    }
}

impl Datagrams for Mail {
    fn count(&self) -> usize {
        self.letters.len()
    }

    fn request(&self, index: usize) -> (&[u8], SocketAddr) {
        let letter = &self.letters[index];
        (&self.buffers[index][..letter.bytes.len()], letter.source)
    }

    fn buffer(&mut self, index: usize) -> &mut [u8] {
        &mut self.buffers[index]
    }

    fn reply(&mut self, index: usize, length: usize) {
        self.replies[index] = length;
    }
}
