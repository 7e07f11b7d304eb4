//! A torrent made for one test: random data and the metainfo file that describes it (BEP 3, "metainfo files").

use std::fs::File;
use std::io::Read;

use sha1::{Digest, Sha1};

/// A torrent of one file.
pub(crate) struct Torrent {
    pub(crate) announce: String,
    pub(crate) data: Vec<u8>,
    pub(crate) metainfo: Vec<u8>,
    pub(crate) info_hash: [u8; 20],
}

impl Torrent {
    /// The name of the file.
    pub(crate) const NAME: &str = "random.bin";

    /// Four megabytes and a bit that nobody has seen before, announced to one tracker.
    ///
    /// Private (BEP 27): clients must take peers from the tracker alone.
    pub(crate) fn random(announce: &str) -> Self {
        let mut data = vec![0; LENGTH];
        File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut data)).expect("random data");
        let pieces: Vec<u8> = data.chunks(PIECE_LENGTH).flat_map(|piece| Sha1::digest(piece).to_vec()).collect();
        let name = Self::NAME;
        let info = [
            format!("d6:lengthi{LENGTH}e4:name{}:{name}12:piece lengthi{PIECE_LENGTH}e", name.len()).as_bytes(),
            format!("6:pieces{}:", pieces.len()).as_bytes(),
            &pieces,
            b"7:privatei1ee",
        ]
        .concat();
        let outer = format!("d8:announce{}:{announce}4:info", announce.len());
        let metainfo = [outer.as_bytes(), &info, b"e"].concat();
        Self { announce: announce.to_owned(), data, metainfo, info_hash: Sha1::digest(&info).into() }
    }
}

const PIECE_LENGTH: usize = 256 * 1024;
/// Sixteen whole pieces and a short last one.
const LENGTH: usize = 16 * PIECE_LENGTH + 12_345;
