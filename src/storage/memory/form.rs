//! One torrent as it is kept: 32 bytes, whatever the form of its swarms.

use zerocopy::native_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::bucket::Entry;
use super::key::{Hash, Key};
use super::peer::{Peer, Stamp, Tick};
use super::pool::{GRANULE_BYTES, Piece};
use crate::bittorrent::InfoHash;
use crate::storage::Role;

/// A torrent, and in one word the [form](Form) of its swarms.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Torrent {
    pub(super) info_hash: InfoHash,
    completed: U32,
    word: U64,
}

const _: () = assert!(size_of::<Torrent>() == 32);

impl Torrent {
    pub(super) fn new(info_hash: InfoHash) -> Self {
        Self { info_hash, completed: U32::ZERO, word: Form::Empty(Tick::default()).word() }
    }

    pub(super) fn form(&self) -> Form {
        Form::of(self.word)
    }

    pub(super) fn set_form(&mut self, form: &Form) {
        self.word = form.word();
    }

    /// Keeps a form, and one more completed download if there is. Says how many there are.
    pub(super) fn keep(&mut self, form: &Form, completes: bool) -> u32 {
        let completed = self.completed().saturating_add(completes.into());
        self.set_form(form);
        self.set_completed(completed);
        completed
    }

    /// Completed downloads.
    pub(super) fn completed(&self) -> u32 {
        self.completed.get()
    }

    pub(super) fn set_completed(&mut self, completed: u32) {
        self.completed = completed.into();
    }

    /// Whether forgetting it would lose nothing: no peer, and no completed download that might still be asked for.
    pub(super) fn is_forgettable(&self) -> bool {
        self.completed() == 0 && matches!(self.form(), Form::Empty(_))
    }
}

impl Entry for Torrent {
    /// 62 torrents.
    const BUCKET_BYTES: usize = 2_048;

    const VACANT: Self = Self { info_hash: InfoHash([0; 20]), completed: U32::ZERO, word: U64::ZERO };

    fn hash(&self, key: &Key) -> Hash {
        key.hash(&self.info_hash.0)
    }
}

/// How a torrent's swarms are kept. As a word, from the low end:
///
/// ```text
///  bits     16      48
/// One     | stamp | endpoint                                    |   a stamp's two lowest bits are never 3
///  bits     2   2   18      9         8        8             8        8             1
/// Few     | 3 | 1 | frame | granule | v4 len | downloaders | v6 len | downloaders | 0 |
///  bits     2   2   12     48
/// Empty   | 3 | 0 | tick | 0                                    |
///  bits     2   2   32      28
/// Many    | 3 | 2 | index | 0                                   |
/// ```
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    /// No peer, since then. The torrent is here for its completed downloads.
    Empty(Tick),
    /// One IPv4 peer.
    One(Peer<6>),
    /// Peers in a piece of the shard's pool: those of IPv4, then those of IPv6.
    Few(Few),
    /// Peers in the crowds of this index.
    Many(u32),
}

/// Where the peers of small swarms are, and how many.
#[derive(Clone, Copy, Debug)]
pub(super) struct Few {
    pub(super) piece: Piece,
    pub(super) sizes: Sizes,
}

/// How many peers both small swarms of a torrent have.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sizes {
    pub(super) v4: Size,
    pub(super) v6: Size,
}

/// How many peers a small swarm has.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Size {
    pub(super) len: usize,
    /// How many of them download.
    pub(super) downloaders: usize,
}

impl Sizes {
    /// Where the bytes of the IPv4 peers end, and all.
    pub(super) fn ends(&self) -> [usize; 2] {
        let v4 = self.v4.len * size_of::<Peer<6>>();
        [v4, v4 + self.v6.len * size_of::<Peer<18>>()]
    }

    /// Whether so many, multiplied by some factor, are still few.
    pub(super) fn are_few(&self, factor: usize) -> bool {
        self.ends()[1] * factor <= MOST_BYTES && self.v4.len.max(self.v6.len) * factor <= MOST_PEERS
    }

    /// What a piece for them takes.
    pub(super) fn granules(&self) -> usize {
        self.ends()[1].div_ceil(GRANULE_BYTES)
    }
}

impl Form {
    /// How many peers there are, but where they are many.
    pub(super) fn sizes(&self) -> Sizes {
        match self {
            Self::One(peer) => {
                let downloaders = (peer.stamp().role() == Role::Downloader).into();
                Sizes { v4: Size { len: 1, downloaders }, v6: Size::default() }
            }
            Self::Few(few) => few.sizes,
            Self::Empty(_) | Self::Many(_) => Sizes::default(),
        }
    }

    fn of(word: U64) -> Self {
        let mut bits = Bits(word.get());
        if bits.0 & 0b11 != NO_ROLE {
            let [s0, s1, endpoint @ ..] = bits.0.to_le_bytes();
            return Self::One(Peer::new(endpoint, Stamp::from_bits(u16::from_le_bytes([s0, s1]))));
        }
        bits.take(2);
        #[expect(clippy::cast_possible_truncation, reason = "taken as so many bits")]
        match bits.take(2) {
            EMPTY => Self::Empty(Tick::from_bits(bits.take(12) as u16)),
            FEW => {
                let piece = Piece { frame: bits.take(18) as u32, granule: bits.take(9) as u16 };
                let v4 = Size { len: bits.take(8) as usize, downloaders: bits.take(8) as usize };
                let v6 = Size { len: bits.take(8) as usize, downloaders: bits.take(8) as usize };
                Self::Few(Few { piece, sizes: Sizes { v4, v6 } })
            }
            _ => Self::Many(bits.take(32) as u32),
        }
    }

    fn word(&self) -> U64 {
        let put = |parts: &[(u64, u32)]| {
            parts.iter().rev().fold(0, |word, &(value, bits)| {
                debug_assert!(value >> bits == 0, "{value} in {bits} bits");
                word << bits | value
            })
        };
        let word = match *self {
            Self::One(peer) => {
                let mut bytes = [0; 8];
                bytes[..2].copy_from_slice(&peer.stamp().bits().to_le_bytes());
                bytes[2..].copy_from_slice(&peer.endpoint);
                u64::from_le_bytes(bytes)
            }
            Self::Empty(since) => put(&[(NO_ROLE, 2), (EMPTY, 2), (since.bits().into(), 12)]),
            Self::Few(Few { piece, sizes: Sizes { v4, v6 } }) => put(&[
                (NO_ROLE, 2),
                (FEW, 2),
                (piece.frame.into(), 18),
                (piece.granule.into(), 9),
                (v4.len as u64, 8),
                (v4.downloaders as u64, 8),
                (v6.len as u64, 8),
                (v6.downloaders as u64, 8),
            ]),
            Self::Many(index) => put(&[(NO_ROLE, 2), (MANY, 2), (index.into(), 32)]),
        };
        word.into()
    }
}

/// A word, taken apart from its low end.
struct Bits(u64);

impl Bits {
    fn take(&mut self, bits: u32) -> u64 {
        let taken = self.0 & ((1 << bits) - 1);
        self.0 >>= bits;
        taken
    }
}

/// The role that no stamp has: the word is no peer.
const NO_ROLE: u64 = 3;
const EMPTY: u64 = 0;
const FEW: u64 = 1;
const MANY: u64 = 2;

/// Bytes that the peers of small swarms have at most, both families together: what a frame has room for.
const MOST_BYTES: usize = 200 * size_of::<Peer<18>>();

/// Peers of one family among them.
const MOST_PEERS: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    /// What a torrent says after it has been told a form.
    fn kept(form: &Form) -> String {
        let mut torrent = Torrent::new(InfoHash([7; 20]));
        torrent.set_completed(u32::MAX);
        torrent.set_form(form);
        assert_eq!((torrent.info_hash, torrent.completed()), (InfoHash([7; 20]), u32::MAX));
        format!("{:?}", torrent.form())
    }

    #[test]
    fn every_form_is_kept_to_its_extremes() {
        let mut forms = Vec::new();
        for tick in [0, 1, 0x07ff, 0x0800, 0x0fff].map(Tick::from_bits) {
            forms.push(Form::Empty(tick));
            for role in [Role::Downloader, Role::PartialSeed, Role::Seeder] {
                for settled in [false, true] {
                    let stamp = Stamp::new(tick, role, settled);
                    let endpoints = [[0; 6], [0xff; 6], [1, 2, 3, 4, 5, 6], [0, 0, 0, 0, 0, 0x80]];
                    forms.extend(endpoints.map(|endpoint| Form::One(Peer::new(endpoint, stamp))));
                }
            }
        }
        forms.extend([0, 1, 0xffff, u32::MAX].map(Form::Many));
        let lengths = [(0, 0), (1, 0), (1, 1), (255, 0), (255, 128), (255, 255)];
        for frame in [0, 1, (1 << 18) - 1] {
            for granule in [0, 8, 511] {
                for (len, downloaders) in lengths {
                    let (piece, full, none) = (Piece { frame, granule }, Size { len, downloaders }, Size::default());
                    for (v4, v6) in [(full, none), (none, full), (full, full)] {
                        forms.push(Form::Few(Few { piece, sizes: Sizes { v4, v6 } }));
                    }
                }
            }
        }
        for form in &forms {
            assert_eq!(kept(form), format!("{form:?}"));
        }
    }

    #[test]
    fn a_torrent_is_forgettable_once_nobody_is_there_and_nothing_was_completed() {
        let mut torrent = Torrent::new(InfoHash([7; 20]));
        assert!(torrent.is_forgettable());
        torrent.set_completed(1);
        assert!(!torrent.is_forgettable());
        torrent.set_completed(0);
        torrent.set_form(&Form::Many(0));
        assert!(!torrent.is_forgettable());
    }

    #[test]
    fn few_are_what_a_frame_has_room_for() {
        let sizes = |v4, v6| {
            let size = |len| Size { len, downloaders: 0 };
            Sizes { v4: size(v4), v6: size(v6) }
        };
        for (v4, v6) in [(255, 0), (0, 200), (255, 98), (100, 160)] {
            assert!(sizes(v4, v6).are_few(1), "{v4} {v6}");
            assert!(sizes(v4, v6).granules() <= 504);
        }
        for (v4, v6) in [(256, 0), (0, 201), (255, 99), (100, 161)] {
            assert!(!sizes(v4, v6).are_few(1), "{v4} {v6}");
        }
        assert!(sizes(127, 0).are_few(2) && !sizes(128, 0).are_few(2));
        assert!(sizes(0, 100).are_few(2) && !sizes(0, 101).are_few(2));
        assert_eq!((sizes(1, 1).ends(), sizes(1, 1).granules(), sizes(0, 1).granules()), ([8, 28], 4, 3));
    }
}
