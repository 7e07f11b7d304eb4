//! What clients ask: the raw query of an announce or scrape.
//!
//! Values are bytes. What a query spells with escapes need not be UTF-8, least of all the two ids.

use std::iter;
use std::net::IpAddr;

use super::PeerForm;
use crate::bittorrent::{Announce, Endpoint, Event, InfoHash, PeerId};

/// An announce (BEP 3, "Trackers").
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AnnounceRequest {
    /// What the client says of itself.
    pub announce: Announce,
    /// How it wants to be told of peers.
    pub peer_form: PeerForm,
}

/// A scrape (BEP 48).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ScrapeRequest {
    /// The torrents asked for, sorted, each once: the order of the reply's dictionary.
    pub info_hashes: Vec<InfoHash>,
}

/// Why a query is not a request that can be answered, in the words its client is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RequestError {
    /// No torrent is named.
    #[error("missing info_hash")]
    MissingInfoHash,
    /// An info hash is not 20 bytes, or an escape in it is broken.
    #[error("invalid info_hash")]
    InvalidInfoHash,
    /// An announce names two torrents.
    #[error("more than one info_hash")]
    RepeatedInfoHash,
    /// The peer id is not there, not 20 bytes, or broken.
    #[error("missing or invalid peer_id")]
    PeerId,
    /// The port is not there or no port.
    #[error("missing or invalid port")]
    Port,
}

impl AnnounceRequest {
    /// Parses what follows the `?` of an announce from `client`.
    ///
    /// Only the torrent, the peer id and the port must be right. The address is the client's, whatever `ip` says; keys that
    /// are not known are passed over.
    ///
    /// # Errors
    ///
    /// What the query lacks.
    pub fn parse(query: &[u8], client: IpAddr) -> Result<Self, RequestError> {
        let mut info_hash = None;
        let mut peer_id = None;
        let mut port = None;
        let mut left = u64::MAX;
        let mut event = Event::None;
        let mut num_want = None;
        let mut peer_form = PeerForm::Compact;
        for (key, value) in pairs(query) {
            match key {
                b"info_hash" if info_hash.is_some() => return Err(RequestError::RepeatedInfoHash),
                b"info_hash" => info_hash = Some(id(value).ok_or(RequestError::InvalidInfoHash)?),
                b"peer_id" => peer_id = id(value),
                b"port" => port = number(value).and_then(|port| u16::try_from(port).ok()),
                b"left" => left = number(value).unwrap_or(u64::MAX),
                b"event" => event = self::event(value),
                b"numwant" => num_want = number(value).map(|number| u32::try_from(number).unwrap_or(u32::MAX)),
                b"compact" => peer_form = self::peer_form(value),
                _ => {}
            }
        }
        let announce = Announce {
            info_hash: InfoHash(info_hash.ok_or(RequestError::MissingInfoHash)?),
            peer_id: PeerId(peer_id.ok_or(RequestError::PeerId)?),
            peer: Endpoint::new(client, port.ok_or(RequestError::Port)?),
            left,
            event,
            num_want,
        };
        Ok(Self { announce, peer_form })
    }
}

impl ScrapeRequest {
    /// Parses what follows the `?` of a scrape.
    ///
    /// # Errors
    ///
    /// When it names no torrent, for all of them are too many to tell, or a broken one.
    pub fn parse(query: &[u8]) -> Result<Self, RequestError> {
        let values = pairs(query).filter(|(key, _)| *key == b"info_hash");
        let mut info_hashes = values
            .map(|(_, value)| id(value).map(InfoHash).ok_or(RequestError::InvalidInfoHash))
            .collect::<Result<Vec<_>, _>>()?;
        if info_hashes.is_empty() {
            return Err(RequestError::MissingInfoHash);
        }
        info_hashes.sort_unstable();
        info_hashes.dedup();
        Ok(Self { info_hashes })
    }
}

/// Keys and values as they stand, still escaped; a missing `=` leaves the value empty.
fn pairs(query: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = Some(query);
    iter::from_fn(move || {
        let (pair, more) = cut(rest?, b'&');
        rest = more;
        let (key, value) = cut(pair, b'=');
        Some((key, value.unwrap_or_default()))
    })
}

/// What stands before the first `separator`, and what after it, if there is one.
fn cut(bytes: &[u8], separator: u8) -> (&[u8], Option<&[u8]>) {
    let at = bytes.iter().position(|byte| *byte == separator);
    let halves = at.and_then(|at| bytes.split_at_checked(at));
    halves.map_or((bytes, None), |(before, rest)| (before, rest.get(1..)))
}

/// Exactly 20 bytes.
fn id(value: &[u8]) -> Option<[u8; 20]> {
    let mut bytes = unescape(value);
    let mut id = [0; 20];
    for place in &mut id {
        *place = bytes.next()??;
    }
    bytes.next().is_none().then_some(id)
}

/// A decimal number: digits and nothing else.
fn number(value: &[u8]) -> Option<u64> {
    let mut digits = unescape(value).peekable();
    digits.peek()?;
    digits.try_fold(0_u64, |number, byte| {
        let digit = char::from(byte?).to_digit(10)?;
        number.checked_mul(10)?.checked_add(digit.into())
    })
}

/// Events not known here are none: a client that sends one still wants its peers.
fn event(value: &[u8]) -> Event {
    let is = |name: &[u8]| spells(value, name);
    match () {
        () if is(b"started") => Event::Started,
        () if is(b"completed") => Event::Completed,
        () if is(b"stopped") => Event::Stopped,
        () if is(b"paused") => Event::Paused,
        () => Event::None,
    }
}

/// Compact unless the client declines it (BEP 23).
fn peer_form(value: &[u8]) -> PeerForm {
    if spells(value, b"0") { PeerForm::Dictionaries } else { PeerForm::Compact }
}

fn spells(value: &[u8], name: &[u8]) -> bool {
    unescape(value).eq(name.iter().copied().map(Some))
}

/// The bytes that a value spells; `None` in place of a broken escape.
///
/// A `+` is a plus: clients escape bytes as in the path of a URL (RFC 3986, section 2.1), where it never means a space.
fn unescape(mut value: &[u8]) -> impl Iterator<Item = Option<u8>> {
    iter::from_fn(move || {
        let (byte, rest) = match value {
            [b'%', high, low, rest @ ..] => (hexadecimal(*high, *low), rest),
            [b'%', rest @ ..] => (None, rest),
            [literal, rest @ ..] => (Some(*literal), rest),
            [] => return None,
        };
        value = rest;
        Some(byte)
    })
}

fn hexadecimal(high: u8, low: u8) -> Option<u8> {
    let digit = |byte| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? << 4 | digit(low)?).ok()
}

#[cfg(test)]
mod tests;
