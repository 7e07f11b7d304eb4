//! What the scripts are given for a request, and what is read from what they return.

use std::fmt::Write;
use std::time::Duration;

use rand::{Rng, RngExt};
use redis::{Cmd, Script, Value};

use crate::bittorrent::{Counts, Endpoint, Family, InfoHash, PerFamily};
use crate::storage::{Announce, Change, Reply, Request, Role, Scrape, Span};

/// The scripts, and what all of their calls have in common.
pub(super) struct Scripts {
    announce: Script,
    scrape: Script,
    key_prefix: String,
    peer_lifetime: Duration,
}

impl Scripts {
    pub(super) fn new(key_prefix: String, peer_lifetime: Duration) -> Self {
        Self {
            announce: Script::new(include_str!("announce.lua")),
            scrape: Script::new(include_str!("scrape.lua")),
            key_prefix,
            peer_lifetime,
        }
    }

    /// What has a server keep the scripts.
    pub(super) fn load(&self) -> [Cmd; 2] {
        [include_str!("announce.lua"), include_str!("scrape.lua")].map(|code| {
            let mut load = redis::cmd("SCRIPT");
            load.arg("LOAD").arg(code);
            load
        })
    }

    /// The call for a request.
    pub(super) fn call(&self, request: &Request, rng: &mut impl Rng) -> Cmd {
        match request {
            Request::Announce(announce) => self.announce(announce, rng.random()),
            Request::Scrape(scrape) => self.scrape(scrape),
        }
    }

    fn announce(&self, announce: &Announce, random: u32) -> Cmd {
        let family = announce.peer.family();
        let (change, role) = match announce.change {
            Change::Present { role, completed: false } => ("present", role),
            Change::Present { role, completed: true } => ("completed", role),
            Change::Absent => ("absent", Role::Downloader),
            Change::Unchanged { role } => ("unchanged", role),
        };
        let mut keys = Keys::of(&self.key_prefix, &announce.info_hash);
        let mut call = redis::cmd("EVALSHA");
        call.arg(self.announce.get_hash()).arg(3);
        call.arg(keys.swarm(family)).arg(keys.swarm(family.other())).arg(keys.downloads());
        call.arg(announce.peer.as_bytes()).arg(change).arg(role_number(role));
        call.arg(announce.want.peers).arg(u8::from(announce.want.both_families)).arg(random);
        call.arg(u64::try_from(self.peer_lifetime.as_millis()).unwrap_or(u64::MAX));
        call
    }

    fn scrape(&self, scrape: &Scrape) -> Cmd {
        let mut keys = Keys::of(&self.key_prefix, &scrape.info_hash);
        let mut call = redis::cmd("EVALSHA");
        call.arg(self.scrape.get_hash()).arg(2).arg(keys.swarm(scrape.family)).arg(keys.downloads());
        call
    }
}

/// As the scripts number them.
fn role_number(role: Role) -> u8 {
    match role {
        Role::Downloader => 0,
        Role::Seeder => 1,
        Role::PartialSeed => 2,
    }
}

/// The keys of one torrent: `chihaya:{0123…ef}:v4` and so on.
///
/// In a Cluster what is between the braces chooses the node, so all keys of a torrent are on one. It is hexadecimal because
/// raw bytes may have a brace of their own.
struct Keys {
    key: String,
    stem: usize,
}

impl Keys {
    fn of(prefix: &str, info_hash: &InfoHash) -> Self {
        let mut key = String::with_capacity(prefix.len() + 2 * info_hash.0.len() + LONGEST_SUFFIX);
        write!(key, "{prefix}{{{info_hash:?}}}:").expect("a string takes what is written");
        Self { stem: key.len(), key }
    }

    fn swarm(&mut self, family: Family) -> &str {
        self.with(match family {
            Family::V4 => "v4",
            Family::V6 => "v6",
        })
    }

    fn downloads(&mut self) -> &str {
        self.with("completed")
    }

    fn with(&mut self, suffix: &str) -> &str {
        self.key.truncate(self.stem);
        self.key.push_str(suffix);
        &self.key
    }
}

/// The reply to a request by what its script has returned, with the peers at the end of `peers`; nothing if that is not
/// what it returns.
pub(super) fn reply(request: &Request, returned: &Value, peers: &mut Vec<u8>) -> Option<Reply> {
    let Value::Array(values) = returned else { return None };
    match (request, values.as_slice()) {
        (Request::Scrape(_), [seeders, leechers, downloaders, completed]) => {
            Some(Reply::Scrape { counts: counts([seeders, leechers, downloaders, completed])? })
        }
        (
            Request::Announce(announce),
            [seeders, leechers, downloaders, completed, Value::BulkString(own), Value::BulkString(other)],
        ) => {
            let counts = counts([seeders, leechers, downloaders, completed])?;
            let family = announce.peer.family();
            let mut spans = PerFamily::default();
            spans[family] = append(peers, |peers| match announce.peer {
                Endpoint::V4(peer) => append_others(own, peer, peers),
                Endpoint::V6(peer) => append_others(own, peer, peers),
            })?;
            spans[family.other()] = append(peers, |peers| {
                peers.extend_from_slice(other);
                other.len().is_multiple_of(family.other().peer_length()).then_some(())
            })?;
            Some(Reply::Announce { counts, peers: spans })
        }
        _ => None,
    }
}

/// Appends the returned peers without the announcer, which may be among them.
fn append_others<const N: usize>(returned: &[u8], announcer: [u8; N], peers: &mut Vec<u8>) -> Option<()> {
    let (returned, []) = returned.as_chunks::<N>() else { return None };
    let others = returned.splitn(2, |peer| *peer == announcer);
    others.for_each(|part| peers.extend_from_slice(part.as_flattened()));
    Some(())
}

/// The span of what `write` appends, if it succeeds.
fn append(peers: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> Option<()>) -> Option<Span> {
    let start = u32::try_from(peers.len()).ok()?;
    write(peers)?;
    Some(Span { start, end: u32::try_from(peers.len()).ok()? })
}

fn counts(values: [&Value; 4]) -> Option<Counts> {
    let [seeders, leechers, downloaders, completed] = values.map(number);
    Some(Counts { seeders: seeders?, leechers: leechers?, downloaders: downloaders?, completed: completed? })
}

fn number(value: &Value) -> Option<u32> {
    let Value::Int(number) = *value else { return None };
    Some(u32::try_from(number.max(0)).unwrap_or(u32::MAX))
}

/// Of what is told apart behind a torrent's own name.
const LONGEST_SUFFIX: usize = "}:completed".len() + 1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Want;

    const ANNOUNCER: [u8; 6] = [192, 0, 2, 1, 0, 1];

    fn announce(role: Role) -> Request {
        let change = Change::Present { role, completed: false };
        let want = Want { peers: 50, both_families: false };
        Announce { info_hash: InfoHash([0x7b; 20]), peer: Endpoint::V4(ANNOUNCER), change, want }.into()
    }

    /// What the script returns: one seeder, two leechers, both downloading, none completed, and these peers.
    fn returned(peers: &[u8]) -> Value {
        let peers = [peers.to_vec(), Vec::new()].map(Value::BulkString);
        Value::Array([1, 2, 2, 0].map(Value::Int).into_iter().chain(peers).collect())
    }

    #[test]
    fn a_torrents_keys_share_a_tag_without_a_brace_of_its_own() {
        let mut keys = Keys::of("prefix:", &InfoHash([0x7b; 20]));
        let torrent = format!("prefix:{{{}}}", "7b".repeat(20));
        assert_eq!(keys.swarm(Family::V4), format!("{torrent}:v4"));
        assert_eq!(keys.downloads(), format!("{torrent}:completed"));
        assert_eq!(keys.swarm(Family::V6), format!("{torrent}:v6"));
    }

    #[test]
    fn the_announcer_is_left_out_wherever_it_is() {
        let others = [[1; 6], [2; 6]];
        let mut lists = vec![others.to_vec()];
        lists.extend((0..=2).map(|at| {
            let mut all = others.to_vec();
            all.insert(at, ANNOUNCER);
            all
        }));
        for list in lists {
            let mut arena = vec![9; 3];
            let reply = reply(&announce(Role::Downloader), &returned(list.as_flattened()), &mut arena);
            let Some(Reply::Announce { counts, peers }) = reply else { panic!("{reply:?}") };
            assert_eq!(counts, Counts { seeders: 1, leechers: 2, downloaders: 2, completed: 0 });
            assert_eq!((peers.v4.range(), peers.v6.range().len()), (3..15, 0));
            assert_eq!(arena[3..], *others.as_flattened());
        }
    }

    #[test]
    fn what_no_script_of_ours_returns_is_no_reply() {
        for value in [Value::Nil, Value::Okay, Value::Array(vec![Value::Int(1); 4]), returned(&[1; 7])] {
            assert_eq!(reply(&announce(Role::Seeder), &value, &mut Vec::new()), None);
        }
    }
}
