//! The kinds of garbage, and how each is made.

use rand::rngs::SmallRng;
use rand::{Rng, RngExt};
use tracker_client::udp::packet;
use tracker_client::{Announce, Event};

use super::LONGEST;

/// A kind of datagram. What is due to one is worked out from its bytes, never from its kind.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Random bytes.
    Noise,
    /// The beginning of a real packet, too short to have a transaction id.
    Headless,
    /// A connect as it should be, or with something behind it.
    Connect,
    /// A connect with bits flipped, cut or lengthened; some are still connects.
    BrokenConnect,
    /// A whole announce or scrape with connection id 0.
    ZeroId,
    /// One with the id of another address.
    ForeignId,
    /// One with a bit of its own id flipped: another hash, or another generation of the secret.
    FlippedId,
    /// One with a random id, as those of a tracker before its restart are.
    RandomId,
    /// One with the protocol's magic in place of an id.
    MagicId,
    /// An announce with its own valid id that ends too early.
    CutAnnounce,
    /// A scrape with its own valid id, which is answered.
    Scrape,
    /// An action no tracker knows, with its own valid id.
    UnknownAction,
}

impl Kind {
    /// All of them, sent equally often.
    pub const ALL: [Self; 12] = [
        Self::Noise,
        Self::Headless,
        Self::Connect,
        Self::BrokenConnect,
        Self::ZeroId,
        Self::ForeignId,
        Self::FlippedId,
        Self::RandomId,
        Self::MagicId,
        Self::CutAnnounce,
        Self::Scrape,
        Self::UnknownAction,
    ];

    /// Writes a datagram of this kind in place of what is in `datagram`; `own` and `foreign` are valid ids, the latter of
    /// another address.
    pub(super) fn write(self, datagram: &mut Vec<u8>, rng: &mut SmallRng, transaction: u32, own: u64, foreign: u64) {
        datagram.clear();
        match self {
            Self::Noise => lengthen(datagram, rng),
            Self::Headless => {
                request(datagram, rng, transaction, own);
                datagram.truncate(rng.random_range(0..16));
            }
            Self::Connect => {
                datagram.extend(packet::connect(transaction));
                if rng.random_ratio(1, 4) {
                    lengthen(datagram, rng);
                }
            }
            Self::BrokenConnect => {
                datagram.extend(packet::connect(transaction));
                spoil(datagram, rng);
            }
            Self::ZeroId => request(datagram, rng, transaction, 0),
            Self::ForeignId => request(datagram, rng, transaction, foreign),
            Self::FlippedId => {
                let bit = 1 << rng.random_range(0..64);
                request(datagram, rng, transaction, own ^ bit);
            }
            Self::RandomId => {
                let id = rng.random();
                request(datagram, rng, transaction, id);
            }
            Self::MagicId => request(datagram, rng, transaction, packet::PROTOCOL_ID),
            Self::CutAnnounce => {
                datagram.extend(packet::announce(own, transaction, &announce(rng), &[]));
                datagram.truncate(rng.random_range(16..98));
            }
            Self::Scrape => scrape(datagram, rng, transaction, own),
            Self::UnknownAction => {
                request(datagram, rng, transaction, own);
                let action: u32 = rng.random_range(3..=u32::MAX);
                datagram[8..12].copy_from_slice(&action.to_be_bytes());
            }
        }
    }
}

/// A whole announce or scrape.
fn request(datagram: &mut Vec<u8>, rng: &mut SmallRng, transaction: u32, id: u64) {
    if rng.random() {
        datagram.extend(packet::announce(id, transaction, &announce(rng), &[]));
        if rng.random() {
            lengthen(datagram, rng);
        }
    } else {
        scrape(datagram, rng, transaction, id);
    }
}

/// A plausible announce. The torrents are always new: were one let in, memory would show it.
fn announce(rng: &mut SmallRng) -> Announce {
    Announce::new(rng.random(), rng.random()).left(rng.random_range(0..2)).event(Event::Other(rng.random_range(0..5)))
}

/// Up to 99 torrents, and sometimes a part of another.
fn scrape(datagram: &mut Vec<u8>, rng: &mut SmallRng, transaction: u32, id: u64) {
    datagram.extend(packet::scrape(id, transaction, &[]));
    let length = rng.random_range(16..LONGEST);
    let hashes = if rng.random() { length } else { length - (length - 16) % 20 };
    datagram.resize(hashes, 0);
    rng.fill_bytes(&mut datagram[16..]);
}

/// Adds random bytes up to any length.
fn lengthen(datagram: &mut Vec<u8>, rng: &mut SmallRng) {
    let from = datagram.len();
    datagram.resize(rng.random_range(from..=LONGEST), 0);
    rng.fill_bytes(&mut datagram[from..]);
}

/// Flips some bits of a connect's protocol id and action, or cuts it, or lengthens it.
fn spoil(datagram: &mut Vec<u8>, rng: &mut SmallRng) {
    match rng.random_range(0..4) {
        0 => datagram.truncate(rng.random_range(0..16)),
        1 => lengthen(datagram, rng),
        // An even number of flips may undo itself.
        flips => (0..flips - 1).for_each(|_| datagram[rng.random_range(0..12)] ^= 1 << rng.random_range(0..8)),
    }
}
