//! Replies as values (BEP 15), read to the last byte.

use std::net::SocketAddr;

use crate::{Family, Malformed, Scraped, compact};

/// What a tracker sends over UDP.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reply {
    /// Action 0.
    Connect {
        /// The request it answers.
        transaction: u32,
        /// What further requests must carry.
        connection_id: u64,
    },
    /// Action 1.
    Announce {
        /// The request it answers.
        transaction: u32,
        /// Seconds until the next announce.
        interval: u32,
        /// Peers that do not have everything.
        leechers: u32,
        /// Peers that have.
        seeders: u32,
        /// The other peers, in wire order.
        peers: Vec<SocketAddr>,
    },
    /// Action 2.
    Scrape {
        /// The request it answers.
        transaction: u32,
        /// One for each torrent asked for, in that order.
        torrents: Vec<Scraped>,
    },
    /// Action 3.
    Error {
        /// The request it answers.
        transaction: u32,
        /// The tracker's words.
        message: String,
    },
}

impl Reply {
    /// The request it answers.
    pub fn transaction(&self) -> u32 {
        match self {
            Self::Connect { transaction, .. }
            | Self::Announce { transaction, .. }
            | Self::Scrape { transaction, .. }
            | Self::Error { transaction, .. } => *transaction,
        }
    }
}

/// A reply whose rest has not been read: enough to tell, without allocating, whose it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Envelope<'a> {
    /// What it answers with; 3 is an error.
    pub action: u32,
    /// The request it answers.
    pub transaction: u32,
    /// All behind these two.
    pub body: &'a [u8],
}

impl<'a> Envelope<'a> {
    /// Reads the first eight bytes.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut body = bytes;
        Ok(Self { action: word(&mut body)?, transaction: word(&mut body)?, body })
    }

    /// What a connect reply carries (BEP 15, "connect response").
    pub fn connection_id(&self) -> Result<u64, Malformed> {
        let wrong = |_| Malformed::new(format!("connection id of {} bytes", self.body.len()));
        Ok(u64::from_be_bytes(self.body.try_into().map_err(wrong)?))
    }

    /// The torrents of a scrape reply, in the order they were asked for (BEP 15, "scrape response").
    pub fn torrents(&self) -> Result<impl Iterator<Item = Scraped> + use<'a>, Malformed> {
        let (entries, rest) = self.body.as_chunks::<12>();
        if !rest.is_empty() {
            return Err(Malformed::new(format!("{} bytes of scraped torrents, 12 each", self.body.len())));
        }
        Ok(entries.iter().map(scraped))
    }
}

/// Reads a datagram; the family is the asker's, and decides the width of a peer (BEP 15, "IPv6").
pub fn decode(bytes: &[u8], family: Family) -> Result<Reply, Malformed> {
    let envelope = Envelope::read(bytes)?;
    let (transaction, mut rest) = (envelope.transaction, envelope.body);
    match envelope.action {
        0 => Ok(Reply::Connect { transaction, connection_id: envelope.connection_id()? }),
        1 => Ok(Reply::Announce {
            transaction,
            interval: word(&mut rest)?,
            leechers: word(&mut rest)?,
            seeders: word(&mut rest)?,
            peers: compact::peers(rest, family)?,
        }),
        2 => Ok(Reply::Scrape { transaction, torrents: envelope.torrents()?.collect() }),
        3 => Ok(Reply::Error { transaction, message: message(rest)? }),
        action => Err(Malformed::new(format!("unknown action {action}"))),
    }
}

fn word(rest: &mut &[u8]) -> Result<u32, Malformed> {
    let Some((word, after)) = rest.split_first_chunk() else {
        return Err(Malformed::new("datagram cut short"));
    };
    *rest = after;
    Ok(u32::from_be_bytes(*word))
}

fn scraped(entry: &[u8; 12]) -> Scraped {
    let (words, _) = entry.as_chunks::<4>();
    let word = |index: usize| u32::from_be_bytes(words[index]);
    Scraped { seeders: word(0), completed: word(1), leechers: word(2), downloaders: None }
}

/// BEP 15 gives the text no terminator, so a NUL is a tracker's mistake.
fn message(bytes: &[u8]) -> Result<String, Malformed> {
    match str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => Ok(text.to_owned()),
        _ => Err(Malformed::new("error message is not text")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// BEP 15, "connect response".
    #[test]
    fn connect_is_exactly_sixteen_bytes() {
        let bytes = b"\x00\x00\x00\x00\x00\x00\x00\x07\x11\x22\x33\x44\x55\x66\x77\x88";
        let expected = Reply::Connect { transaction: 7, connection_id: 0x1122_3344_5566_7788 };
        assert_eq!(decode(bytes, Family::V4).unwrap(), expected);
        assert!(decode(&bytes[..15], Family::V4).is_err());
        assert!(decode(&[&bytes[..], &[0]].concat(), Family::V4).is_err());
    }

    /// BEP 15, "IPv4 announce response": leechers come before seeders.
    #[test]
    fn announce_has_peers_of_the_askers_family() {
        let header = b"\x00\x00\x00\x01\x00\x00\x00\x08\x00\x00\x07\x08\x00\x00\x00\x02\x00\x00\x00\x03";
        let reply = |peers: &[&str]| Reply::Announce {
            transaction: 8,
            interval: 1800,
            leechers: 2,
            seeders: 3,
            peers: peers.iter().map(|peer| peer.parse().unwrap()).collect(),
        };
        assert_eq!(decode(header, Family::V4).unwrap(), reply(&[]));
        let ipv4 = [&header[..], b"\x0a\x00\x00\x02\x1a\xe1\x0a\x00\x00\x01\x1a\xe2"].concat();
        assert_eq!(decode(&ipv4, Family::V4).unwrap(), reply(&["10.0.0.2:6881", "10.0.0.1:6882"]));
        let ipv6 = [&header[..], b"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x1a\xe1"].concat();
        assert_eq!(decode(&ipv6, Family::V6).unwrap(), reply(&["[2001:db8::1]:6881"]));
        assert!(decode(&header[..19], Family::V4).is_err());
        assert!(decode(&ipv4[..31], Family::V4).is_err());
        assert!(decode(&ipv4, Family::V6).is_err());
    }

    /// BEP 15, "scrape response": seeders, completed, leechers.
    #[test]
    fn scrape_is_eight_bytes_and_twelve_each() {
        let bytes = b"\0\0\0\x02\0\0\0\x09\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\0\0\0\0\0\0\0\0\0";
        let first = Scraped { seeders: 1, completed: 2, leechers: 3, downloaders: None };
        let expected = Reply::Scrape { transaction: 9, torrents: vec![first, Scraped::default()] };
        assert_eq!(decode(bytes, Family::V4).unwrap(), expected);
        let none = Reply::Scrape { transaction: 9, torrents: Vec::new() };
        assert_eq!(decode(&bytes[..8], Family::V4).unwrap(), none);
        assert!(decode(&bytes[..31], Family::V4).is_err());
    }

    /// BEP 15, "error response": the text runs to the end of the datagram.
    #[test]
    fn error_is_text() {
        let expected = Reply::Error { transaction: 10, message: "invalid port".to_owned() };
        assert_eq!(decode(b"\0\0\0\x03\0\0\0\x0ainvalid port", Family::V4).unwrap(), expected);
        assert_eq!(expected.transaction(), 10);
        assert!(decode(b"\0\0\0\x03\0\0\0\x0ainvalid port\0", Family::V4).is_err());
        assert!(decode(b"\0\0\0\x03\0\0\0\x0a\xff", Family::V4).is_err());
    }

    #[test]
    fn other_datagrams_are_refused() {
        assert!(decode(b"", Family::V4).is_err());
        assert!(decode(b"\0\0\0\0\0\0\0", Family::V4).is_err());
        assert!(decode(b"\0\0\0\x04\0\0\0\x01", Family::V4).is_err());
    }
}
