//! The client's side, which the probe speaks: queries written, replies read.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str;

use crate::bittorrent::{Announce, Endpoint, Event, Family, InfoHash, Retry};
use crate::wire::bencode::{Item, ItemError};

/// The query of an announce (BEP 3, "Trackers"; BEP 23).
pub fn announce_query(announce: &Announce, key: u32) -> String {
    let event = match announce.event {
        Event::None => "",
        Event::Completed => "&event=completed",
        Event::Started => "&event=started",
        Event::Stopped => "&event=stopped",
        Event::Paused => "&event=paused",
    };
    let wanted = announce.num_want.map(|wanted| format!("&numwant={wanted}")).unwrap_or_default();
    format!(
        "info_hash={}&peer_id={}&port={}&uploaded=0&downloaded=0&left={}{event}{wanted}&compact=1&key={key:08x}",
        escaped(&announce.info_hash.0),
        escaped(&announce.peer_id.0),
        announce.peer.port(),
        announce.left,
    )
}

/// The query of a scrape (BEP 48).
pub fn scrape_query(info_hashes: &[InfoHash]) -> String {
    let each: Vec<_> = info_hashes.iter().map(|info_hash| format!("info_hash={}", escaped(&info_hash.0))).collect();
    each.join("&")
}

fn escaped(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // To a string it always succeeds.
        let _ = write!(text, "%{byte:02X}");
        text
    })
}

/// What a tracker replied.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer<T> {
    /// What was asked for.
    Accepted(T),
    /// Why not, and when to come back (BEP 3, "failure reason"; BEP 31).
    Refused {
        /// Any bytes.
        reason: Vec<u8>,
        /// If it says.
        retry: Option<Retry>,
    },
}

/// The reply to an announce; what a tracker left out is `None`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Announced {
    /// Seconds until the next announce.
    pub interval_seconds: Option<u64>,
    /// Seconds to let pass at least.
    pub min_interval_seconds: Option<u64>,
    /// `complete`.
    pub seeders: Option<u64>,
    /// `incomplete`.
    pub leechers: Option<u64>,
    /// `downloaded`.
    pub completed: Option<u64>,
    /// `peers` and `peers6`, compact or not.
    pub peers: Option<Vec<Endpoint>>,
    /// Peers that are told by a name, or by no address at all.
    pub other_peers: usize,
    /// Whom the tracker takes us for (BEP 24).
    pub external_address: Option<IpAddr>,
    /// To be returned (BEP 3); any bytes.
    pub tracker_id: Option<Vec<u8>>,
    /// For people; any bytes.
    pub warning: Option<Vec<u8>>,
}

/// The reply to a scrape (BEP 48): the torrents it has, in its order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Scraped {
    /// Each torrent with its counts.
    pub files: Vec<(InfoHash, File)>,
    /// Seconds to let pass at least.
    pub min_interval_seconds: Option<u64>,
}

/// One torrent of a scrape; what a tracker left out is `None`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct File {
    /// `complete`.
    pub seeders: Option<u64>,
    /// `incomplete`.
    pub leechers: Option<u64>,
    /// `downloaded`.
    pub completed: Option<u64>,
    /// `downloaders` (BEP 21).
    pub downloaders: Option<u64>,
}

/// Why a body is no tracker's reply.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AnswerError {
    /// Not bencode.
    #[error("the body is not bencode ({0})")]
    Bencode(#[from] ItemError),
    /// Another value.
    #[error("the body is no bencoded dictionary")]
    NoDictionary,
    /// A list of peers that is none.
    #[error("`{0}` is no list of peers")]
    Peers(&'static str),
    /// A scrape without `files`.
    #[error("the body has no `files`")]
    NoFiles,
}

/// Reads the body of an announce's reply.
///
/// # Errors
///
/// When it is none.
pub fn announced(body: &[u8]) -> Result<Answer<Announced>, AnswerError> {
    answer(body, |reply| {
        let count = |key| reply.get(key).and_then(Item::count);
        let bytes = |key| reply.get(key).and_then(Item::bytes).map(<[u8]>::to_vec);
        let mut announced = Announced {
            interval_seconds: count("interval"),
            min_interval_seconds: count("min interval"),
            seeders: count("complete"),
            leechers: count("incomplete"),
            completed: count("downloaded"),
            external_address: reply.get("external ip").and_then(Item::bytes).and_then(address),
            tracker_id: bytes("tracker id"),
            warning: bytes("warning message"),
            ..Announced::default()
        };
        for (key, family) in [("peers", Family::V4), ("peers6", Family::V6)] {
            if let Some(item) = reply.get(key) {
                announced.add_peers(item, family).ok_or(AnswerError::Peers(key))?;
            }
        }
        Ok(announced)
    })
}

/// Reads the body of a scrape's reply.
///
/// # Errors
///
/// When it is none.
pub fn scraped(body: &[u8]) -> Result<Answer<Scraped>, AnswerError> {
    answer(body, |reply| {
        let Some(Item::Dictionary(files)) = reply.get("files") else { return Err(AnswerError::NoFiles) };
        let file = |(info_hash, file): &(&[u8], Item<'_>)| {
            let count = |key| file.get(key).and_then(Item::count);
            let counts = File {
                seeders: count("complete"),
                leechers: count("incomplete"),
                completed: count("downloaded"),
                downloaders: count("downloaders"),
            };
            Some((InfoHash((*info_hash).try_into().ok()?), counts))
        };
        let interval = reply.get("flags").and_then(|flags| flags.get("min_request_interval"));
        Ok(Scraped {
            files: files.iter().filter_map(file).collect(),
            min_interval_seconds: interval.and_then(Item::count),
        })
    })
}

fn answer<T>(body: &[u8], read: impl FnOnce(&Item<'_>) -> Result<T, AnswerError>) -> Result<Answer<T>, AnswerError> {
    let reply = Item::parse(body)?;
    if !matches!(reply, Item::Dictionary(_)) {
        return Err(AnswerError::NoDictionary);
    }
    match reply.get("failure reason").and_then(Item::bytes) {
        Some(reason) => Ok(Answer::Refused { reason: reason.to_vec(), retry: reply.get("retry in").and_then(retry) }),
        None => read(&reply).map(Answer::Accepted),
    }
}

/// `never`, or minutes (BEP 31), which some trackers write as a string.
fn retry(item: &Item<'_>) -> Option<Retry> {
    let minutes = match item {
        Item::Bytes(b"never") => return Some(Retry::Never),
        Item::Bytes(digits) => str::from_utf8(digits).ok()?.parse().ok()?,
        other => other.count()?,
    };
    u32::try_from(minutes).ok().map(Retry::InMinutes)
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|octets| Ipv4Addr::from(octets).into());
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(|octets| Ipv6Addr::from(octets).into())).ok()
}

impl Announced {
    fn add_peers(&mut self, item: &Item<'_>, family: Family) -> Option<()> {
        let peers = self.peers.get_or_insert_default();
        match item {
            Item::Bytes(compact) if compact.len().checked_rem(family.peer_length()) == Some(0) => {
                peers.extend(Endpoint::list(family, compact));
            }
            Item::List(dictionaries) => {
                let before = peers.len();
                peers.extend(dictionaries.iter().filter_map(peer));
                let read = peers.len().saturating_sub(before);
                let others = dictionaries.len().saturating_sub(read);
                self.other_peers = self.other_peers.saturating_add(others);
            }
            _ => return None,
        }
        Some(())
    }
}

/// A peer as a dictionary (BEP 3, "peers"); `None` where its `ip` is a name, which BEP 3 allows.
fn peer(dictionary: &Item<'_>) -> Option<Endpoint> {
    let address: IpAddr = str::from_utf8(dictionary.get("ip")?.bytes()?).ok()?.parse().ok()?;
    let port = u16::try_from(dictionary.get("port")?.count()?).ok()?;
    Some(Endpoint::new(address, port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bittorrent::PeerId;

    fn accepted(body: &[u8]) -> Announced {
        match announced(body) {
            Ok(Answer::Accepted(announced)) => announced,
            other => panic!("{other:?}"),
        }
    }

    fn peers(body: &[u8]) -> Vec<String> {
        accepted(body).peers.unwrap_or_default().iter().map(Endpoint::to_string).collect()
    }

    #[test]
    fn bep3_an_announce_is_a_query() {
        let mut announce = Announce {
            info_hash: InfoHash(*b"\x00\x7f\xffhhhhhhhhhhhhhhhhh"),
            peer_id: PeerId([b'p'; 20]),
            peer: Endpoint::V4([0, 0, 0, 0, 0x1a, 0xe1]),
            left: 1,
            event: Event::Started,
            num_want: Some(5),
        };
        let (hash, id) = (format!("%00%7F%FF{}", "%68".repeat(17)), "%70".repeat(20));
        let fixed = format!("info_hash={hash}&peer_id={id}&port=6881&uploaded=0&downloaded=0&left=1");
        let query = format!("{fixed}&event=started&numwant=5&compact=1&key=0000002a");
        assert_eq!(announce_query(&announce, 42), query);
        (announce.event, announce.num_want) = (Event::None, None);
        assert_eq!(announce_query(&announce, 42), format!("{fixed}&compact=1&key=0000002a"));
        assert_eq!(scrape_query(&[announce.info_hash; 2]), format!("info_hash={hash}&info_hash={hash}"));
    }

    #[test]
    fn bep23_and_bep7_compact_peers_of_both_families() {
        let body = b"d8:intervali1800e5:peers12:\x01\x02\x03\x04\0\x05\x06\x07\x08\x09\0\x0a\
            6:peers618:\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07\x1a\xe1e";
        assert_eq!(peers(body), ["1.2.3.4:5", "6.7.8.9:10", "[2001:db8::7]:6881"]);
        assert_eq!(announced(b"d5:peers5:12345e"), Err(AnswerError::Peers("peers")));
        assert_eq!(announced(b"d6:peers66:123456e"), Err(AnswerError::Peers("peers6")));
        assert_eq!(announced(b"d5:peersi0ee"), Err(AnswerError::Peers("peers")));
        assert_eq!(accepted(b"d8:intervali1800ee").peers, None);
    }

    #[test]
    fn bep3_dictionary_peers_with_names_among_them() {
        let body = b"d5:peersld2:ip7:1.2.3.47:peer id20:pppppppppppppppppppp4:porti5eed2:ip3:::14:porti6ee\
            d2:ip9:localhost4:porti7eed2:ip7:1.2.3.44:porti70000eeee";
        assert_eq!(peers(body), ["1.2.3.4:5", "[::1]:6"]);
        assert_eq!(accepted(body).other_peers, 2);
    }

    #[test]
    fn bep24_bep3_the_rest_of_a_reply() {
        let read = accepted(
            b"d8:completei1e10:downloadedi2e11:external ip4:\x7f\0\0\x0110:incompletei3e8:intervali1800e\
              12:min intervali900e5:peers0:10:tracker id3:\x1b[m15:warning message4:busye",
        );
        let expected = Announced {
            interval_seconds: Some(1800),
            min_interval_seconds: Some(900),
            seeders: Some(1),
            leechers: Some(3),
            completed: Some(2),
            peers: Some(vec![]),
            other_peers: 0,
            external_address: Some([127, 0, 0, 1].into()),
            tracker_id: Some(b"\x1b[m".to_vec()),
            warning: Some(b"busy".to_vec()),
        };
        assert_eq!(read, expected);
        assert_eq!(accepted(b"d8:completei-1e11:external ip3:abce"), Announced::default());
    }

    #[test]
    fn bep31_a_failure_says_when_to_come_back() {
        let refused = |retry| Ok(Answer::Refused { reason: b"no".to_vec(), retry });
        assert_eq!(announced(b"d14:failure reason2:noe"), refused(None));
        assert_eq!(announced(b"d14:failure reason2:no8:retry in5:nevere"), refused(Some(Retry::Never)));
        assert_eq!(announced(b"d14:failure reason2:no8:retry ini5ee"), refused(Some(Retry::InMinutes(5))));
        assert_eq!(announced(b"d14:failure reason2:no8:retry in1:5e"), refused(Some(Retry::InMinutes(5))));
        assert_eq!(announced(b"d14:failure reason2:no8:retry in1:xe"), refused(None));
    }

    #[test]
    fn bep48_a_scrape_has_files() {
        let body = b"d5:filesd20:hhhhhhhhhhhhhhhhhhhhd8:completei1e10:downloadedi2e11:downloadersi3e10:incompletei4ee\
            3:oddd8:completei9eee5:flagsd20:min_request_intervali900eee";
        let file = File { seeders: Some(1), leechers: Some(4), completed: Some(2), downloaders: Some(3) };
        let expected = Scraped { files: vec![(InfoHash([b'h'; 20]), file)], min_interval_seconds: Some(900) };
        assert_eq!(scraped(body), Ok(Answer::Accepted(expected)));
        assert_eq!(scraped(b"de"), Err(AnswerError::NoFiles));
        assert_eq!(scraped(b"le"), Err(AnswerError::NoDictionary));
        assert_eq!(scraped(b"<html>"), Err(AnswerError::Bencode(ItemError::Unknown(0))));
    }
}
