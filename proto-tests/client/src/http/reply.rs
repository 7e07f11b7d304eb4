//! Bencoded replies as values (BEP 3, 7, 21, 23, 24, 31, 48).

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use crate::{
    Announced, Failure, Family, Malformed, RetryIn, Scraped,
    bencode::{self, Value},
    compact,
};

/// Reads the body of a reply to an announce.
///
/// `interval`, `complete`, `incomplete` and `peers` must be there, whatever the family. Peers may be compact (BEP 23,
/// BEP 7) or a list of dictionaries (BEP 3); those of both families end in one list. A test that asks in which form they
/// came, or for other keys, reads the body with [`bencode::decode`].
pub fn decode_announce(body: &[u8]) -> Result<Announced, Failure> {
    let reply = accepted(body)?;
    let mut peers = peers(required(&reply, "peers")?)?;
    if let Some(peers6) = reply.get("peers6") {
        peers.extend(compact::peers(bytes(peers6, "peers6")?, Family::V6)?);
    }
    peers.sort_unstable();
    Ok(Announced {
        interval: required_number(&reply, "interval")?,
        seeders: required_number(&reply, "complete")?,
        leechers: required_number(&reply, "incomplete")?,
        peers,
        completed: number(&reply, "downloaded")?,
        min_interval: number(&reply, "min interval")?,
        external_ip: reply.get("external ip").map(external_ip).transpose()?,
        warning: reply.get("warning message").map(|value| text(value, "warning message")).transpose()?,
    })
}

/// Reads the body of a reply to a scrape (BEP 48): the torrents by info hash.
pub fn decode_scrape(body: &[u8]) -> Result<BTreeMap<[u8; 20], Scraped>, Failure> {
    let reply = accepted(body)?;
    let Some(files) = required(&reply, "files")?.as_dictionary() else {
        return Err(wrong("files").into());
    };
    files.iter().map(|(info_hash, counts)| Ok((info_hash_of(info_hash)?, scraped(counts)?))).collect()
}

/// The dictionary of a reply that is not a refusal.
fn accepted(body: &[u8]) -> Result<Value, Failure> {
    let reply = bencode::decode(body)?;
    if reply.as_dictionary().is_none() {
        return Err(Malformed::new("reply is not a dictionary").into());
    }
    let retry_in = reply.get("retry in").map(retry_in).transpose()?;
    match reply.get("failure reason") {
        Some(reason) => Err(Failure::Rejected { reason: text(reason, "failure reason")?, retry_in }),
        None if retry_in.is_some() => Err(Malformed::new("`retry in` without `failure reason`").into()),
        None => Ok(reply),
    }
}

/// BEP 31: a positive number of minutes, or the word "never".
fn retry_in(value: &Value) -> Result<RetryIn, Malformed> {
    match value {
        Value::Bytes(word) if word == b"never" => Ok(RetryIn::Never),
        Value::Integer(minutes @ 1..) => u32::try_from(*minutes).map(RetryIn::Minutes).map_err(|_| wrong("retry in")),
        _ => Err(wrong("retry in")),
    }
}

fn peers(value: &Value) -> Result<Vec<SocketAddr>, Malformed> {
    match value {
        Value::Bytes(bytes) => compact::peers(bytes, Family::V4),
        Value::List(list) => list.iter().map(peer).collect(),
        _ => Err(wrong("peers")),
    }
}

/// BEP 3: `ip` is text and `port` a number. A host name, which BEP 3 allows, is of no use to a test.
fn peer(value: &Value) -> Result<SocketAddr, Malformed> {
    let address = text(required(value, "ip")?, "ip")?.parse().map_err(|_| wrong("ip"))?;
    let port = u16::try_from(required_number(value, "port")?).map_err(|_| wrong("port"))?;
    Ok(SocketAddr::new(address, port))
}

/// BEP 24: the address as 4 or 16 bytes, not as text.
fn external_ip(value: &Value) -> Result<IpAddr, Malformed> {
    let bytes = bytes(value, "external ip")?;
    let ipv4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    ipv4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).map_err(|_| wrong("external ip"))
}

fn info_hash_of(key: &[u8]) -> Result<[u8; 20], Malformed> {
    key.try_into().map_err(|_| wrong("files"))
}

fn scraped(counts: &Value) -> Result<Scraped, Malformed> {
    Ok(Scraped {
        seeders: required_number(counts, "complete")?,
        completed: required_number(counts, "downloaded")?,
        leechers: required_number(counts, "incomplete")?,
        downloaders: number(counts, "downloaders")?,
    })
}

fn required<'a>(dictionary: &'a Value, key: &str) -> Result<&'a Value, Malformed> {
    dictionary.get(key).ok_or_else(|| Malformed::new(format!("`{key}` is missing")))
}

fn required_number(dictionary: &Value, key: &str) -> Result<u32, Malformed> {
    unsigned(required(dictionary, key)?, key)
}

fn number(dictionary: &Value, key: &str) -> Result<Option<u32>, Malformed> {
    dictionary.get(key).map(|value| unsigned(value, key)).transpose()
}

fn unsigned(value: &Value, key: &str) -> Result<u32, Malformed> {
    value.as_integer().and_then(|integer| u32::try_from(integer).ok()).ok_or_else(|| wrong(key))
}

fn bytes<'a>(value: &'a Value, key: &str) -> Result<&'a [u8], Malformed> {
    value.as_bytes().ok_or_else(|| wrong(key))
}

fn text(value: &Value, key: &str) -> Result<String, Malformed> {
    let text = str::from_utf8(bytes(value, key)?).map_err(|_| wrong(key))?;
    Ok(text.to_owned())
}

fn wrong(key: &str) -> Malformed {
    Malformed::new(format!("`{key}` is not what it should be"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn malformed(outcome: Result<impl Sized, Failure>, about: &str) {
        match outcome {
            Err(Failure::Malformed(malformed)) if malformed.0.contains(about) => {}
            Err(other) => panic!("{other}, not about {about}"),
            Ok(_) => panic!("accepted in spite of {about}"),
        }
    }

    fn addresses(peers: &[&str]) -> Vec<SocketAddr> {
        peers.iter().map(|peer| peer.parse().unwrap()).collect()
    }

    /// BEP 3 and BEP 23: the least a reply says.
    #[test]
    fn compact_peers_come_sorted() {
        let body = b"d8:completei3e10:incompletei2e8:intervali1800e5:peers12:\x0a\0\0\x02\x1a\xe1\x0a\0\0\x01\x1a\xe2e";
        let expected = Announced {
            interval: 1800,
            seeders: 3,
            leechers: 2,
            peers: addresses(&["10.0.0.1:6882", "10.0.0.2:6881"]),
            completed: None,
            min_interval: None,
            external_ip: None,
            warning: None,
        };
        assert_eq!(decode_announce(body).unwrap(), expected);
    }

    /// BEP 7 (`peers6`), BEP 24 (`external ip`) and the keys of common use.
    #[test]
    fn everything_a_reply_may_say() {
        let body = b"d8:completei3e10:downloadedi9e11:external ip4:\x7f\0\0\x0110:incompletei2e8:intervali1800e\
                     12:min intervali900e5:peers6:\x0a\0\0\x02\x1a\xe16:peers618:\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\
                     \x01\x1a\xe115:warning message4:beepe";
        let announced = decode_announce(body).unwrap();
        assert_eq!(announced.peers, addresses(&["10.0.0.2:6881", "[2001:db8::1]:6881"]));
        assert_eq!((announced.completed, announced.min_interval), (Some(9), Some(900)));
        assert_eq!(announced.external_ip, Some("127.0.0.1".parse().unwrap()));
        assert_eq!(announced.warning.as_deref(), Some("beep"));
    }

    /// BEP 24: an IPv6 address is 16 raw bytes.
    #[test]
    fn external_ip_is_raw_bytes() {
        let reply = |ip: &[u8]| {
            let ip = [ip.len().to_string().as_bytes(), b":", ip].concat();
            let rest = b"10:incompletei0e8:intervali1e5:peers0:e";
            decode_announce(&[b"d8:completei0e11:external ip", &ip[..], rest].concat())
        };
        let ipv6 = reply(b"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01").unwrap();
        assert_eq!(ipv6.external_ip, Some("2001:db8::1".parse().unwrap()));
        malformed(reply(b"127.0.0.1"), "external ip");
        malformed(reply(b""), "external ip");
    }

    /// BEP 3: peers as dictionaries, with or without a peer id.
    #[test]
    fn peers_may_be_dictionaries() {
        let reply = |peers: &str| {
            decode_announce(format!("d8:completei0e10:incompletei2e8:intervali1e5:peers{peers}e").as_bytes())
        };
        let peer_id = "7:peer id20:-TC0001-000000006881";
        let both = reply(&format!("ld2:ip11:2001:db8::14:porti6881eed2:ip8:10.0.0.1{peer_id}4:porti80eee")).unwrap();
        assert_eq!(both.peers, addresses(&["10.0.0.1:80", "[2001:db8::1]:6881"]));
        assert_eq!(reply("le").unwrap().peers, []);
        malformed(reply("ld4:porti80eee"), "`ip` is missing");
        malformed(reply("ld2:ip4:10.04:porti80eee"), "`ip`");
        malformed(reply("ld2:ip8:10.0.0.1ee"), "`port` is missing");
        malformed(reply("ld2:ip8:10.0.0.14:porti65536eee"), "`port`");
        malformed(reply("li80ee"), "`ip` is missing");
        malformed(reply("i0e"), "`peers`");
        malformed(reply("5:abcde"), "5 bytes of peers");
        malformed(reply("0:6:peers617:aaaaaaaaaaaaaaaaa"), "17 bytes of peers");
    }

    /// BEP 3 names the reason, BEP 31 the time to the next attempt.
    #[test]
    fn refusals_have_a_reason_and_may_have_a_time() {
        let rejected = |retry_in| Failure::Rejected { reason: "no".to_owned(), retry_in };
        let announce = |body: &[u8]| decode_announce(body).unwrap_err();
        assert_eq!(announce(b"d14:failure reason2:noe"), rejected(None));
        assert_eq!(announce(b"d14:failure reason2:no8:retry in5:nevere"), rejected(Some(RetryIn::Never)));
        assert_eq!(announce(b"d14:failure reason2:no8:retry ini15ee"), rejected(Some(RetryIn::Minutes(15))));
        assert_eq!(decode_scrape(b"d14:failure reason2:noe").unwrap_err(), rejected(None));
        malformed(decode_announce(b"d14:failure reason2:no8:retry ini0ee"), "retry in");
        malformed(decode_announce(b"d14:failure reason2:no8:retry in4:soone"), "retry in");
        malformed(decode_announce(b"d14:failure reasoni1ee"), "failure reason");
        malformed(decode_announce(b"d14:failure reason1:\xffe"), "failure reason");
        malformed(decode_announce(b"d8:retry ini15ee"), "without");
    }

    #[test]
    fn announces_lack_nothing_and_are_canonical() {
        malformed(decode_announce(b"d10:incompletei0e8:intervali1e5:peers0:e"), "`complete` is missing");
        malformed(decode_announce(b"d8:completei0e8:intervali1e5:peers0:e"), "`incomplete` is missing");
        malformed(decode_announce(b"d8:completei0e10:incompletei0e5:peers0:e"), "`interval` is missing");
        malformed(decode_announce(b"d8:completei0e10:incompletei0e8:intervali1ee"), "`peers` is missing");
        malformed(decode_announce(b"d8:completei-1e10:incompletei0e8:intervali1e5:peers0:e"), "`complete`");
        malformed(decode_announce(b"d8:completei0e10:incompletei0e8:intervali4294967296e5:peers0:e"), "`interval`");
        malformed(decode_announce(b"d10:incompletei0e8:completei0e8:intervali1e5:peers0:e"), "unsorted");
        malformed(decode_announce(b"d8:completei0e10:incompletei0e8:intervali1e5:peers0:e\n"), "bytes after");
        malformed(decode_announce(b"le"), "not a dictionary");
        malformed(decode_announce(b"404 page not found"), "bencode");
        malformed(decode_announce(b""), "bencode");
    }

    /// BEP 48, and BEP 21 for `downloaders`.
    #[test]
    fn scrapes_are_keyed_by_info_hash() {
        let body =
            b"d5:filesd20:aaaaaaaaaaaaaaaaaaaad8:completei5e10:downloadedi50e11:downloadersi7e10:incompletei10ee\
                     20:\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\
                     d8:completei0e10:downloadedi0e10:incompletei0eee5:flagsd20:min_request_intervali900eee";
        let first = Scraped { seeders: 5, completed: 50, leechers: 10, downloaders: Some(7) };
        let expected = BTreeMap::from([([b'a'; 20], first), ([0xff; 20], Scraped::default())]);
        assert_eq!(decode_scrape(body).unwrap(), expected);
        assert_eq!(decode_scrape(b"d5:filesdee").unwrap(), BTreeMap::new());
        malformed(decode_scrape(b"de"), "`files` is missing");
        malformed(decode_scrape(b"d5:fileslee"), "`files`");
        malformed(decode_scrape(b"d5:filesd3:abcdeee"), "`files`");
        malformed(decode_scrape(b"d5:filesd20:aaaaaaaaaaaaaaaaaaaad8:completei5eeee"), "`downloaded` is missing");
    }
}
