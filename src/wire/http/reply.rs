//! What clients are told: bencoded dictionaries.

use std::net::IpAddr;

use crate::bittorrent::{Counts, Endpoint, Family, InfoHash, PerFamily, Retry};
use crate::wire::bencode::{self, Dictionary, List};

/// How a client is told of peers.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum PeerForm {
    /// As packed bytes: `peers` (BEP 23) and `peers6` (BEP 7).
    #[default]
    Compact,
    /// As one list of dictionaries, for both families (BEP 3, "Trackers").
    Dictionaries,
}

/// The reply to an announce (BEP 3, "Trackers").
#[derive(Clone, Copy, Debug)]
pub struct AnnounceReply<'a> {
    /// The requester's family's swarm.
    pub counts: Counts,
    /// The address the request came from (BEP 24).
    pub requester: IpAddr,
    /// Seconds until the next announce.
    pub interval_seconds: u32,
    /// Seconds to let pass at least.
    pub min_interval_seconds: u32,
    /// The peers, as compact bytes.
    pub peers: PerFamily<&'a [u8]>,
    /// How to spell them.
    pub peer_form: PeerForm,
}

impl AnnounceReply<'_> {
    /// Appends the reply to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        bencode::dictionary(out, |reply| {
            reply.key("complete").integer(self.counts.seeders);
            reply.key("downloaded").integer(self.counts.completed);
            match self.requester {
                IpAddr::V4(address) => reply.key("external ip").bytes(address.octets()),
                IpAddr::V6(address) => reply.key("external ip").bytes(address.octets()),
            }
            reply.key("incomplete").integer(self.counts.leechers);
            reply.key("interval").integer(self.interval_seconds);
            reply.key("min interval").integer(self.min_interval_seconds);
            match self.peer_form {
                PeerForm::Compact => self.write_compact(reply),
                PeerForm::Dictionaries => reply.key("peers").list(|peers| self.write_dictionaries(peers)),
            }
        });
    }

    /// `peers` even when it is empty, for some clients take a reply without it for a failure; `peers6` where it may matter.
    fn write_compact(&self, reply: &mut Dictionary<'_>) {
        reply.key("peers").bytes(self.peers.v4);
        if self.requester.is_ipv6() || !self.peers.v6.is_empty() {
            reply.key("peers6").bytes(self.peers.v6);
        }
    }

    /// Without peer ids, which the tracker does not keep.
    fn write_dictionaries(&self, peers: &mut List<'_>) {
        for family in Family::BOTH {
            for endpoint in Endpoint::list(family, self.peers[family]) {
                peers.item().dictionary(|peer| {
                    peer.key("ip").bytes(endpoint.address().to_string());
                    peer.key("port").integer(endpoint.port());
                });
            }
        }
    }
}

/// The reply to a scrape (BEP 48, "The tracker's reply").
#[derive(Clone, Debug)]
pub struct ScrapeReply<Files> {
    /// Each torrent asked for, in the order of its info hash; zeros where it is unknown.
    pub files: Files,
    /// Seconds to let pass at least between two scrapes.
    pub min_request_interval_seconds: u32,
}

impl<Files: IntoIterator<Item = (InfoHash, Counts)>> ScrapeReply<Files> {
    /// Appends the reply to `out`.
    pub fn write(self, out: &mut Vec<u8>) {
        bencode::dictionary(out, |reply| {
            reply.key("files").dictionary(|files| {
                for (info_hash, counts) in self.files {
                    files.key(info_hash.0).dictionary(|file| write_counts(file, counts));
                }
            });
            reply.key("flags").dictionary(|flags| {
                flags.key("min_request_interval").integer(self.min_request_interval_seconds);
            });
        });
    }
}

/// `downloaders` are those of the incomplete that want more (BEP 21, "Tracker scrape").
fn write_counts(file: &mut Dictionary<'_>, counts: Counts) {
    file.key("complete").integer(counts.seeders);
    file.key("downloaded").integer(counts.completed);
    file.key("downloaders").integer(counts.downloaders);
    file.key("incomplete").integer(counts.leechers);
}

/// Appends a refusal to `out`: why, and when another try makes sense, if that is known.
pub fn write_failure(out: &mut Vec<u8>, reason: &str, retry: Option<Retry>) {
    bencode::dictionary(out, |reply| {
        reply.key("failure reason").bytes(reason);
        match retry {
            Some(Retry::Never) => reply.key("retry in").bytes("never"),
            Some(Retry::InMinutes(minutes)) => reply.key("retry in").integer(minutes),
            None => {}
        }
    });
}

#[cfg(test)]
mod tests;
