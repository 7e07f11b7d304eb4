//! `/explain`: what becomes of a torrent's announces, and whether a peer is in its swarms.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::View;
use crate::bittorrent::{Announce, Counts, Endpoint, Event, Family, InfoHash, PeerId};
use crate::storage::{self, Answer, Batch, Change, Reply, Role, Scrape, Want};

/// What is asked about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Question {
    /// The torrent.
    pub(super) info_hash: InfoHash,
    /// A client's address; with the port of its peer, if one is meant and no other.
    pub(super) client: Option<(IpAddr, Option<u16>)>,
}

impl Question {
    /// Reads an info hash in hexadecimal and an address, with or without a port.
    ///
    /// # Errors
    ///
    /// What it should have been.
    pub(super) fn parse(info_hash: &str, address: Option<&str>) -> Result<Self, String> {
        let info_hash = parse_info_hash(info_hash)
            .ok_or_else(|| format!("\"{info_hash}\" is no info hash; write its 40 hexadecimal digits"))?;
        let client = address.map(|text| {
            let whole = text.parse::<SocketAddr>().map(|address| (address.ip(), Some(address.port())));
            let client = whole.or_else(|_| text.parse().map(|address| (address, None)));
            let client = client.map(|(address, port): (IpAddr, _)| (address.to_canonical(), port));
            client.map_err(|_| {
                format!("\"{text}\" is no address; write one like 192.0.2.1, 192.0.2.1:6881 or [2001:db8::1]:6881")
            })
        });
        Ok(Self { info_hash, client: client.transpose()? })
    }

    /// Reads the query of a URL.
    pub(super) fn of_query(query: &str) -> Result<Self, String> {
        let value = |key: &str| query.split('&').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='));
        Self::parse(value("info_hash").unwrap_or_default(), value("address"))
    }

    /// The path and query that ask for this.
    pub(super) fn target(&self) -> String {
        let client = self.client.map(|(address, port)| match port {
            Some(port) => format!("&address={}", SocketAddr::new(address, port)),
            None => format!("&address={address}"),
        });
        format!("/explain?info_hash={:?}{}", self.info_hash, client.unwrap_or_default())
    }
}

fn parse_info_hash(text: &str) -> Option<InfoHash> {
    let digits = text.bytes().map(|byte| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()));
    let digits = digits.collect::<Option<Vec<u8>>>()?;
    let bytes: Vec<u8> = digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect();
    (digits.len() == 40).then(|| bytes.try_into().ok()).flatten().map(InfoHash)
}

impl View {
    /// The answer, for people: a line for each thing that is known.
    pub(super) async fn explain(&self, question: Question) -> String {
        let info_hash = question.info_hash;
        let mut lines = vec![format!("torrent    {info_hash:?}")];
        let mut counts = [None; 2];
        for (family, counted) in Family::BOTH.into_iter().zip(&mut counts) {
            *counted = self.counts(info_hash, family).await;
            lines.push(format!("{}       {}", name(family), told(*counted)));
        }
        if let Some((address, port)) = question.client {
            lines.push(format!("address    {address}"));
            lines.push(format!("announces  {}", self.verdict(info_hash, address, port)));
            let swarm = counts[Family::of(address) as usize];
            lines.push(format!("in swarm   {}", self.whereabouts(info_hash, address, port, swarm).await));
        }
        lines.join("\n") + "\n"
    }

    async fn counts(&self, info_hash: InfoHash, family: Family) -> Option<Counts> {
        let mut batch = Batch::default();
        batch.push(Scrape { info_hash, family });
        match self.ask(batch).await.entries.first()?.reply {
            Reply::Scrape { counts } => Some(counts),
            _ => None,
        }
    }

    /// What becomes of an announce from there, and which rule says so.
    fn verdict(&self, info_hash: InfoHash, address: IpAddr, port: Option<u16>) -> String {
        let peer = Endpoint::new(address, port.unwrap_or(1));
        let (peer_id, event) = (PeerId([0; 20]), Event::None);
        let announce = Announce { info_hash, peer_id, peer, left: 1, event, num_want: None };
        match self.tracker.live().admit(&announce, 0, false) {
            Err(rejection) => format!("are refused: {rejection}"),
            Ok(storage::Announce { change: Change::Unchanged { .. }, .. }) => {
                "are answered and not stored: the address is private, and tracker.store_private_addresses = false"
                    .into()
            }
            Ok(_) => "are answered and stored, within [limits] and where there is room".into(),
        }
    }

    /// Whether a peer is there: a stranger is told of everyone, and stays one.
    async fn whereabouts(
        &self,
        info_hash: InfoHash,
        address: IpAddr,
        port: Option<u16>,
        swarm: Option<Counts>,
    ) -> String {
        let Some(swarm) = swarm else { return "not known: the store does not answer".into() };
        let peers = swarm.seeders + swarm.leechers;
        if peers > MOST_LOOKED_THROUGH {
            return format!("not looked for: it has more than {MOST_LOOKED_THROUGH} peers");
        }
        let family = Family::of(address);
        let stranger: IpAddr = match family {
            Family::V4 => Ipv4Addr::UNSPECIFIED.into(),
            Family::V6 => Ipv6Addr::UNSPECIFIED.into(),
        };
        let mut batch = Batch::default();
        batch.push(storage::Announce {
            info_hash,
            peer: Endpoint::new(stranger, 0),
            change: Change::Unchanged { role: Role::Downloader },
            want: Want { peers, both_families: false },
        });
        let batch = self.ask(batch).await;
        let Some(Reply::Announce { peers, .. }) = batch.entries.first().map(|entry| entry.reply) else {
            return "not known: the store does not answer".into();
        };
        let there = Endpoint::list(family, batch.compact(peers[family]));
        let there = there.filter(|peer| peer.address() == address && port.is_none_or(|port| peer.port() == port));
        let mut ports: Vec<_> = there.map(|peer| peer.port()).collect();
        ports.sort_unstable();
        let ports: Vec<_> = ports.iter().map(u16::to_string).collect();
        if ports.is_empty() { "no".into() } else { format!("yes, at port {}", ports.join(", ")) }
    }

    async fn ask(&self, batch: Batch) -> Batch {
        match self.tracker.apply(self.clock.now(), batch) {
            Answer::Ready(batch) => batch,
            Answer::Pending(batch) => batch.await,
        }
    }
}

const fn name(family: Family) -> &'static str {
    match family {
        Family::V4 => "IPv4",
        Family::V6 => "IPv6",
    }
}

fn told(counts: Option<Counts>) -> String {
    match counts {
        None => "not known: the store does not answer".into(),
        Some(counts) if counts == Counts::default() => "nobody".into(),
        Some(Counts { seeders, leechers, completed, .. }) => {
            format!("seeders {seeders}, leechers {leechers}, downloads completed {completed}")
        }
    }
}

/// A swarm is told as a whole, under its lock.
const MOST_LOOKED_THROUGH: u32 = 50_000;

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "59185b7eab81b3f0ebbe4cd58ac44213b15dc655";

    #[test]
    fn a_question_survives_its_url() {
        for address in
            [None, Some("192.0.2.1"), Some("192.0.2.1:6881"), Some("2001:db8::1"), Some("[2001:db8::1]:6881")]
        {
            let question = Question::parse(HEX, address).unwrap();
            let target = question.target();
            assert_eq!(Question::of_query(target.split_once('?').unwrap().1), Ok(question), "{target}");
        }
        let mapped = Question::parse(HEX, Some("::ffff:192.0.2.1")).unwrap();
        assert_eq!(mapped.client, Some(([192, 0, 2, 1].into(), None)));
    }

    #[test]
    fn what_is_no_question_is_told() {
        for hash in ["", "59", &HEX[1..], &format!("{HEX}00"), &HEX.replace('5', "x"), "ééééééééééééééééééééé"]
        {
            assert!(Question::parse(hash, None).unwrap_err().contains("is no info hash"), "{hash}");
        }
        for address in ["", "192.0.2", "tracker.example", "192.0.2.1:99999"] {
            assert!(Question::parse(HEX, Some(address)).unwrap_err().contains("is no address"), "{address}");
        }
        assert!(Question::of_query("address=192.0.2.1").is_err());
    }
}
