//! What other trackers and name servers answer to the probe.

use std::net::SocketAddr;

use chihaya::bittorrent::{Endpoint, Family};
use chihaya::wire::bencode::Item;
use chihaya::wire::dns::{Reply, services, txt_query};
use chihaya::wire::http::{self, announced, scraped};
use chihaya::wire::udp::{Answer, TransactionId};
use tracker_client::bencode::{self, Value};
use tracker_client::udp::{Reply as Told, decode};

/// A datagram is an answer to the transaction that it names and to no other, says no more than is in it, and what the
/// independent client reads is what is read.
pub(crate) fn udp(datagram: &[u8]) {
    let Some([a, b, c, d]) = datagram.get(4..8).map(|bytes| <[u8; 4]>::try_from(bytes).expect("four bytes")) else {
        assert_eq!(Answer::parse(datagram, TransactionId(0.into())), None);
        return;
    };
    let transaction = u32::from_be_bytes([a, b, c, d]);
    assert_eq!(Answer::parse(datagram, TransactionId((!transaction).into())), None);
    let answer = Answer::parse(datagram, TransactionId(transaction.into())).expect("it is answered");
    match (answer, decode(datagram, tracker_client::Family::V4)) {
        (
            Ok(Answer::Announced { interval_seconds, leechers: ours, seeders: full, peers }),
            Ok(Told::Announce { interval, leechers, seeders, peers: theirs, .. }),
        ) => {
            assert_eq!((interval_seconds, ours, full), (interval, leechers, seeders));
            let peers = Endpoint::list(Family::V4, peers).map(|peer| (peer.address(), peer.port()).into());
            assert_eq!(peers.collect::<Vec<SocketAddr>>(), theirs);
        }
        (Ok(Answer::Scraped(triples)), Ok(Told::Scrape { torrents, .. })) => {
            assert_eq!(triples.len(), torrents.len());
            for (ours, theirs) in triples.iter().map(|triple| triple.counts()).zip(torrents) {
                assert_eq!((ours.seeders, ours.completed), (theirs.seeders, theirs.completed));
                assert_eq!(ours.leechers, theirs.leechers);
            }
        }
        (Ok(Answer::Connected(id)), Ok(Told::Connect { connection_id, .. })) => assert_eq!(id.0.get(), connection_id),
        (Ok(Answer::Refused(reason)), Ok(Told::Error { .. })) => assert_eq!(reason.len() + 8, datagram.len()),
        // It demands exact lengths, and text; we do not.
        (_, Err(_)) => {}
        (ours, theirs) => panic!("{ours:?} is not {theirs:?}"),
    }
}

/// A body is read as the independent decoder reads it, which takes less, and tells of no more than is in it.
pub(crate) fn http(body: &[u8]) {
    if let Ok(value) = bencode::decode(body) {
        assert!(is_same(&Item::parse(body).expect("bencode"), &value));
    }
    if let Ok(http::Answer::Accepted(told)) = announced(body) {
        let peers = told.peers.map_or(0, |peers| peers.len()) + told.other_peers;
        // The shortest: an item of a list.
        assert!(peers * 2 <= body.len());
    }
    if let Ok(http::Answer::Accepted(told)) = scraped(body) {
        assert!(told.files.len() * 20 <= body.len());
    }
}

fn is_same(item: &Item<'_>, value: &Value) -> bool {
    match (item, value) {
        (Item::Integer(ours), Value::Integer(theirs)) => ours == theirs,
        (Item::Bytes(ours), Value::Bytes(theirs)) => ours == theirs,
        (Item::List(ours), Value::List(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| is_same(ours, theirs))
        }
        (Item::Dictionary(ours), Value::Dictionary(theirs)) => {
            let mut entries = ours.iter().zip(theirs);
            ours.len() == theirs.len()
                && entries.all(|((key, ours), (name, theirs))| key == name && is_same(ours, theirs))
        }
        _ => false,
    }
}

/// The records of a reply say no more than is in it: the bytes are one, and the records of one to our query.
pub(crate) fn dns(records: &[u8]) {
    let query = txt_query(0x1234, "tracker.example").expect("a name");
    let told = |message: &[u8]| {
        let Some(Ok(Reply::Texts(texts))) = Reply::parse(message, &query) else { return };
        assert!(texts.iter().map(Vec::len).sum::<usize>() + query.len() <= message.len());
        let most = |text: &[u8]| services(text).is_none_or(|services| services.len() * 5 < text.len());
        assert!(texts.iter().all(|text| most(text)));
    };
    told(records);
    let Some((count, records)) = records.split_first() else { return };
    let mut message = query.clone();
    message[2] |= 0x80;
    message[7] = *count;
    message.extend_from_slice(records);
    assert!(Reply::parse(&message, &query).is_some());
    told(&message);
}
