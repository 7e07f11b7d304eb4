//! Datagrams in memory: a transport that costs nothing.

use std::net::SocketAddr;

use chihaya::udp::Datagrams;

/// Up to as many datagrams as there are buffers, each with its reply's length.
pub struct Mail {
    letters: Vec<Letter>,
    count: usize,
}

struct Letter {
    source: SocketAddr,
    request: usize,
    reply: usize,
    buffer: [u8; BUFFER_BYTES],
}

impl Mail {
    /// Room for so many.
    pub fn new(capacity: usize) -> Self {
        let letter = || Letter { source: ([0; 4], 0).into(), request: 0, reply: 0, buffer: [0; BUFFER_BYTES] };
        Self { letters: (0..capacity).map(|_| letter()).collect(), count: 0 }
    }

    /// Takes all datagrams out.
    pub fn clear(&mut self) {
        self.count = 0;
    }

    /// Puts one more in.
    pub fn push(&mut self, request: &[u8], source: SocketAddr) {
        let letter = &mut self.letters[self.count];
        letter.buffer[..request.len()].copy_from_slice(request);
        (letter.source, letter.request, letter.reply) = (source, request.len(), 0);
        self.count += 1;
    }

    /// What is to be sent back for each; nothing is silence.
    pub fn replies(&self) -> impl Iterator<Item = &[u8]> {
        self.letters[..self.count].iter().map(|letter| &letter.buffer[..letter.reply])
    }
}

impl Datagrams for Mail {
    fn count(&self) -> usize {
        self.count
    }

    fn request(&self, index: usize) -> (&[u8], SocketAddr) {
        let letter = &self.letters[index];
        (&letter.buffer[..letter.request], letter.source)
    }

    fn buffer(&mut self, index: usize) -> &mut [u8] {
        &mut self.letters[index].buffer
    }

    fn reply(&mut self, index: usize, length: usize) {
        self.letters[index].reply = length;
    }
}

/// As much as the tracker receives of a datagram.
const BUFFER_BYTES: usize = 2_048;
