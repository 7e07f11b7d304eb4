//! What happens to a tracker, as an input spells it.

use tracker_client::udp::packet;
use tracker_client::{Announce, Event};

use crate::handler::CLIENTS;

/// One thing that happens.
pub(crate) enum Step {
    /// A client sends a datagram.
    Send { client: usize, datagram: Vec<u8> },
    /// What has been sent arrives, as one batch.
    Deliver,
    /// Seconds pass.
    Wait(u64),
    /// The secret of the connection ids is replaced.
    Rotate,
}

/// Steps, spelt by a byte each and what belongs to it: the low three bits are the client, the next three what it does, and
/// the two high ones whose id it shows: its own, its neighbour's, none, or its own with a bit wrong.
pub(crate) struct Script<'a> {
    rest: &'a [u8],
    transaction: u32,
}

impl<'a> Script<'a> {
    pub(crate) fn new(input: &'a [u8]) -> Self {
        Self { rest: input, transaction: 0 }
    }

    /// The next step; `ids` are those that the clients have received last.
    pub(crate) fn next(&mut self, ids: &[u64]) -> Option<Step> {
        let head = self.byte()?;
        let client = usize::from(head & 7) % CLIENTS.len();
        let id = match head >> 6 {
            0 => ids[client],
            1 => ids[(client + 1) % CLIENTS.len()],
            2 => 0,
            _ => ids[client] ^ 1 << (head % 61),
        };
        self.transaction += 1;
        let transaction = self.transaction;
        let datagram = match head >> 3 & 7 {
            0 => packet::connect(transaction).to_vec(),
            1 | 2 => self.announce(id)?,
            3 => {
                let torrents: Vec<_> = (0..self.byte()? % 90).map(|number| [number % TORRENTS; 20]).collect();
                packet::scrape(id, transaction, &torrents)
            }
            4 => {
                let (place, value) = (usize::from(self.byte()?), self.byte()?);
                let mut announce = self.announce(id)?;
                announce.resize(announce.len().max(place + 1), 0);
                announce[place] = value;
                announce
            }
            5 => {
                let length = usize::from(self.byte()?).min(self.rest.len());
                let (noise, rest) = self.rest.split_at(length);
                self.rest = rest;
                noise.to_vec()
            }
            6 => return Some(Step::Wait(u64::from(self.byte()?) * 8)),
            _ if head & 1 == 0 => return Some(Step::Rotate),
            _ => return Some(Step::Deliver),
        };
        Some(Step::Send { client, datagram })
    }

    fn announce(&mut self, id: u64) -> Option<Vec<u8>> {
        let (torrent, port, said, wanted) = (self.byte()?, self.byte()?, self.byte()?, self.byte()?);
        let announce = Announce::new([torrent % TORRENTS; 20], port.into())
            .left((said >> 3 & 1).into())
            .event(Event::Other((said & 7).into()))
            .num_want(i32::from(i8::from_ne_bytes([wanted])));
        Some(packet::announce(id, self.transaction, &announce, &[]))
    }

    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(byte)
    }
}

/// Few, so that they are met again.
const TORRENTS: u8 = 3;
