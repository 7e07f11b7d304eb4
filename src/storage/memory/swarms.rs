//! What the forms of a shard's torrents refer to, and how one form becomes another.

use zerocopy::{FromBytes, IntoBytes};

use super::crowd::{Crowd, Seat, Sought};
use super::crowds::Crowds;
use super::form::{Few, Form, Size, Sizes};
use super::key::Key;
use super::packed::{Loose, Packed, change_role, is_seeder, stamp};
use super::peer::{Moment, Peer, Stamp, Tick};
use super::pool::{Piece, Pool};
use super::swarm::{Dual, Own, Swarm};
use super::sweep::Age;
use crate::bittorrent::{Endpoint, Family, InfoHash};
use crate::storage::{Announce, Change};

/// The peers of all torrents of a shard, but those that are alone.
#[derive(Debug)]
pub(super) struct Swarms {
    pool: Pool,
    pub(super) crowds: Vec<Option<Box<Crowds>>>,
    pub(super) key: Key,
    /// Keys that crowds have been given.
    keys: u64,
}

/// Both small swarms of one torrent, taken out of their place.
#[derive(Default)]
struct Both {
    v4: Loose<6>,
    v6: Loose<18>,
}

/// What a change came to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Changed {
    /// Where the announcer now is.
    pub(super) own: Option<Own>,
    /// It completed a download that had not been counted.
    pub(super) completed: bool,
    /// How many peers there are more: 1, 0 or -1.
    pub(super) peers: i8,
    /// How many seeders there are more.
    pub(super) seeders: i8,
    /// Entries touched on the way.
    pub(super) touched: usize,
}

impl Swarms {
    pub(super) fn new(key: Key) -> Self {
        Self { pool: Pool::default(), crowds: Vec::new(), key, keys: 0 }
    }

    /// Frames in use.
    #[cfg(test)]
    pub(super) fn frames(&self) -> usize {
        let crowds = self.crowds.iter().flatten();
        self.pool.frames() + crowds.map(|crowds| crowds.v4.frames() + crowds.v6.frames()).sum::<usize>()
    }

    /// The swarms of this index, if there are any.
    pub(super) fn crowds(&self, index: u32) -> Option<Dual<'_>> {
        let crowds = self.crowds.get(index as usize)?.as_ref()?;
        Some(Dual { v4: Swarm::Crowd(&crowds.v4), v6: Swarm::Crowd(&crowds.v6) })
    }

    /// The swarms of a form, for reading.
    pub(super) fn of<'a>(&'a self, form: &'a Form) -> Dual<'a> {
        if let Form::Many(index) = form {
            return self.crowds(*index).expect("a form's crowds are there");
        }
        let sizes = form.sizes();
        let (v4, v6) = match form {
            Form::One(peer) => (std::slice::from_ref(peer), Default::default()),
            Form::Few(few) => {
                let [middle, end] = few.sizes.ends();
                let (v4, v6) = self.pool.bytes(few.piece, end).split_at(middle);
                (peers(v4), peers(v6))
            }
            _ => Default::default(),
        };
        let v4 = Packed { peers: v4, downloaders: sizes.v4.downloaders };
        let v6 = Packed { peers: v6, downloaders: sizes.v6.downloaders };
        Dual { v4: Swarm::Packed(v4), v6: Swarm::Packed(v6) }
    }

    /// Applies an announce's change to the swarms of a form, and to the form; nothing if it would bring in a peer.
    #[inline(always)]
    pub(super) fn change(
        &mut self,
        form: &mut Form,
        announce: &Announce,
        own: Option<Sought>,
        now: Moment,
    ) -> Option<Changed> {
        if let Form::Many(index) = *form {
            return self.change_crowd(form, index, announce, own, now);
        }
        let mut sizes = form.sizes();
        let (v4, v6) = self.packed_mut(form);
        let touched = v4.len() + v6.len();
        let renewed = match announce.peer {
            Endpoint::V4(endpoint) => renew(v4, &mut sizes.v4.downloaders, &endpoint, announce.change, now),
            Endpoint::V6(endpoint) => renew(v6, &mut sizes.v6.downloaders, &endpoint, announce.change, now),
        };
        match renewed {
            Ok(changed) => {
                if let Form::Few(few) = form {
                    few.sizes = sizes;
                }
                Some(Changed { touched, ..changed })
            }
            Err(at) => Some(self.leave(form, announce, at?, now.tick)),
        }
    }

    fn change_crowd(
        &mut self,
        form: &mut Form,
        index: u32,
        announce: &Announce,
        own: Option<Sought>,
        now: Moment,
    ) -> Option<Changed> {
        let crowds = self.crowds[index as usize].as_mut().expect("a form's crowds are there");
        let own = own.filter(|own| own.key == crowds.number).unwrap_or_else(|| crowds.sought(&announce.peer));
        let mut changed = match announce.peer {
            Endpoint::V4(endpoint) => crowds.v4.change(endpoint, own, announce.change, now, &crowds.key),
            Endpoint::V6(endpoint) => crowds.v6.change(endpoint, own, announce.change, now, &crowds.key),
        }?;
        if changed.touched > CALM
            && let Some(Own::Crowd(seat)) = changed.own
        {
            let (seat, touched) = self.calm(index, &announce.peer, seat, changed.touched);
            (changed.own, changed.touched) = (Some(Own::Crowd(seat)), touched);
        }
        if announce.change == Change::Absent {
            changed.touched += self.dissolve(form, now.tick);
        }
        Some(changed)
    }

    /// Has the peer at a position of a small swarm leave it.
    fn leave(&mut self, form: &mut Form, announce: &Announce, at: usize, now: Tick) -> Changed {
        let mut both = self.take_apart(form);
        let role = match announce.peer.family() {
            Family::V4 => both.v4.remove(at),
            Family::V6 => both.v6.remove(at),
        };
        let touched = 1 + self.put_together(form, &both, announce.info_hash, now);
        Changed { peers: -1, seeders: -is_seeder(role), touched, ..Changed::default() }
    }

    /// Adds a peer that is not there. Says where it is, and how many entries were touched.
    pub(super) fn enter(
        &mut self,
        form: &mut Form,
        info_hash: InfoHash,
        peer: &Endpoint,
        stamp: Stamp,
    ) -> (Own, usize) {
        if let Form::Many(index) = *form {
            let crowds = self.crowds[index as usize].as_mut().expect("a form's crowds are there");
            crowds.newcomers += 1;
            let (seat, touched) = match *peer {
                Endpoint::V4(endpoint) => crowds.v4.insert(Peer::new(endpoint, stamp), &crowds.key),
                Endpoint::V6(endpoint) => crowds.v6.insert(Peer::new(endpoint, stamp), &crowds.key),
            };
            let (seat, touched) = self.calm(index, peer, seat, touched);
            return (Own::Crowd(seat), touched);
        }
        let mut both = self.take_apart(form);
        let at = match *peer {
            Endpoint::V4(endpoint) => both.v4.insert(Peer::new(endpoint, stamp)),
            Endpoint::V6(endpoint) => both.v6.insert(Peer::new(endpoint, stamp)),
        };
        let touched = self.put_together(form, &both, info_hash, stamp.tick());
        let Form::Many(index) = *form else { return (Own::Packed(at), touched) };
        let crowds = self.crowds[index as usize].as_ref().expect("a form's crowds are there");
        (Own::Crowd(crowds.seat(peer)), touched)
    }

    /// Deals out crowds under another key whose peers have been chosen by where they would be put. So many entries have been
    /// touched for the one in this seat; says where it is then, and how many have been.
    fn calm(&mut self, index: u32, peer: &Endpoint, seat: Seat, touched: usize) -> (Seat, usize) {
        let crowds = self.crowds[index as usize].as_mut().expect("a form's crowds are there");
        if touched <= CALM || !crowds.are_skewed(peer.family(), seat) {
            return (seat, touched);
        }
        self.keys += 1;
        crowds.deal_out(self.key.of_crowds(&crowds.info_hash, self.keys), self.keys);
        // Not counted: as many have come as are dealt out.
        (crowds.seat(peer), 1)
    }

    /// Whether there is one peer and no other, and that has not been renewed.
    pub(super) fn is_fresh_and_alone(&self, form: &Form) -> bool {
        match form {
            Form::One(peer) => peer.stamp().is_fresh(),
            Form::Few(few) if few.sizes.v4.len + few.sizes.v6.len == 1 => {
                let Dual { v6: Swarm::Packed(Packed { peers: [peer], .. }), .. } = self.of(form) else { return false };
                peer.stamp().is_fresh()
            }
            _ => false,
        }
    }

    /// How many peers of a form are of the announcer's group of [ports](super::ports), where those are limited.
    pub(super) fn grouped(&self, form: &Form, announce: &Announce) -> usize {
        let key = match *form {
            Form::Many(index) => self.crowds[index as usize].as_ref().map(|crowds| crowds.key),
            _ => None,
        };
        let (Dual { v4, v6 }, key) = (self.of(form), key.unwrap_or(self.key));
        match &announce.peer {
            Endpoint::V4(endpoint) => v4.grouped(endpoint, &key),
            Endpoint::V6(endpoint) => v6.grouped(endpoint, &key),
        }
    }

    /// Leaves nobody in small swarms.
    pub(super) fn clear(&mut self, form: &mut Form, info_hash: InfoHash, now: Tick) {
        self.put_together(form, &Both::default(), info_hash, now);
    }

    /// Has crowds that have become few kept as such.
    pub(super) fn dissolve(&mut self, form: &mut Form, now: Tick) -> usize {
        let Form::Many(index) = *form else { return 0 };
        let crowds = self.crowds[index as usize].as_ref().expect("a form's crowds are there");
        let size = |len| Size { len, downloaders: 0 };
        let sizes = Sizes { v4: size(crowds.v4.len()), v6: size(crowds.v6.len()) };
        if !sizes.are_few(2) {
            return 0;
        }
        let mut both = Both::default();
        crowds.v4.peers().for_each(|peer| _ = both.v4.insert(peer));
        crowds.v6.peers().for_each(|peer| _ = both.v6.insert(peer));
        let info_hash = crowds.info_hash;
        self.put_together(form, &both, info_hash, now)
    }

    /// Removes expired peers of small swarms, and moves the others out of a frame that is nearly empty. Says how many
    /// entries were touched.
    pub(super) fn sweep_few(&mut self, form: &mut Form, info_hash: InfoHash, age: Age) -> usize {
        let (v4, v6) = self.packed_mut(form);
        let touched = v4.len() + v6.len();
        if v4.iter().any(|peer| age.is_over(peer)) || v6.iter().any(|peer| age.is_over(peer)) {
            let mut both = self.take_apart(form);
            both.v4.retain(|peer| !age.is_over(peer));
            both.v6.retain(|peer| !age.is_over(peer));
            self.put_together(form, &both, info_hash, age.now);
        }
        if let Form::Few(few) = *form
            && self.pool.is_sparse(few.piece)
        {
            let granules = few.sizes.granules();
            if let Some(piece) = self.pool.allocate_below(few.piece.frame as usize, granules) {
                let both = self.take_apart(form);
                self.pool.free(few.piece, granules);
                *form = self.few(piece, few.sizes, &both.v4.peers, &both.v6.peers);
            }
        }
        touched
    }

    /// Both swarms of a form that has no crowds. It stays as it is.
    fn take_apart(&self, form: &Form) -> Both {
        match self.of(form) {
            Dual { v4: Swarm::Packed(v4), v6: Swarm::Packed(v6) } => Both { v4: Loose::of(v4), v6: Loose::of(v6) },
            _ => Both::default(),
        }
    }

    /// Gives both swarms the form they need, in place of the old one. Says how many entries were touched.
    fn put_together(&mut self, form: &mut Form, both: &Both, info_hash: InfoHash, now: Tick) -> usize {
        let sizes = Sizes { v4: both.v4.size(), v6: both.v6.size() };
        let (v4, v6) = (both.v4.peers.as_slice(), both.v6.peers.as_slice());
        if let (Form::Few(old), true) = (&*form, v4.len() + v6.len() > 1 && sizes.are_few(1)) {
            let piece = self.pool.resize(old.piece, old.sizes.granules(), sizes.granules());
            *form = self.few(piece, sizes, v4, v6);
            return v4.len() + v6.len();
        }
        match form {
            Form::Few(old) => self.pool.free(old.piece, old.sizes.granules()),
            Form::Many(index) => self.crowds[*index as usize] = None,
            Form::Empty(_) | Form::One(_) => {}
        }
        *form = match (v4, v6) {
            ([], []) => Form::Empty(now),
            ([peer], []) => Form::One(*peer),
            _ if sizes.are_few(1) => {
                let piece = self.pool.allocate(sizes.granules());
                self.few(piece, sizes, v4, v6)
            }
            _ => return self.gather(form, both, info_hash),
        };
        v4.len() + v6.len()
    }

    /// The form of a piece that these peers are put into.
    fn few(&mut self, piece: Piece, sizes: Sizes, v4: &[Peer<6>], v6: &[Peer<18>]) -> Form {
        let [middle, end] = sizes.ends();
        let bytes = self.pool.bytes_mut(piece, end);
        bytes[..middle].copy_from_slice(v4.as_bytes());
        bytes[middle..].copy_from_slice(v6.as_bytes());
        Form::Few(Few { piece, sizes })
    }

    /// Makes crowds of both swarms.
    fn gather(&mut self, form: &mut Form, both: &Both, info_hash: InfoHash) -> usize {
        self.keys += 1;
        let (number, key) = (self.keys, self.key.of_crowds(&info_hash, self.keys));
        let (v4, v6) = (Crowd::default(), Crowd::default());
        let mut crowds = Box::new(Crowds { info_hash, key, number, newcomers: 0, v4, v6 });
        let v4: usize = both.v4.peers.iter().map(|&peer| crowds.v4.insert(peer, &key).1).sum();
        let v6: usize = both.v6.peers.iter().map(|&peer| crowds.v6.insert(peer, &key).1).sum();
        let index = self.crowds.iter().position(Option::is_none).unwrap_or_else(|| {
            self.crowds.push(None);
            self.crowds.len() - 1
        });
        self.crowds[index] = Some(crowds);
        *form = Form::Many(u32::try_from(index).expect("far fewer crowds than 2^32"));
        v4 + v6
    }

    /// What a peer is looked for by in the crowds of this index, if there are any.
    pub(super) fn sought(&self, index: u32, peer: &Endpoint) -> Option<Sought> {
        self.crowds.get(index as usize)?.as_ref().map(|crowds| crowds.sought(peer))
    }

    fn packed_mut<'a>(&'a mut self, form: &'a mut Form) -> (&'a mut [Peer<6>], &'a mut [Peer<18>]) {
        match form {
            Form::One(peer) => (std::slice::from_mut(peer), Default::default()),
            Form::Few(few) => {
                let [middle, end] = few.sizes.ends();
                let (v4, v6) = self.pool.bytes_mut(few.piece, end).split_at_mut(middle);
                (peers_mut(v4), peers_mut(v6))
            }
            Form::Empty(_) | Form::Many(_) => Default::default(),
        }
    }
}

/// Applies a change that leaves a small swarm its size. If it is to gain a peer, or to lose the one at a position, that is for
/// others to do.
#[inline(always)]
fn renew<const N: usize>(
    peers: &mut [Peer<N>],
    downloaders: &mut usize,
    endpoint: &[u8; N],
    change: Change,
    now: Moment,
) -> Result<Changed, Option<usize>> {
    let at = Packed { peers, downloaders: *downloaders }.find(endpoint);
    match (change, at) {
        (Change::Present { role, completed }, Some(at)) => {
            let (stamp, completed) = stamp(Some(peers[at].stamp()), now, role, completed);
            let (at, seeders) = change_role(peers, downloaders, at, stamp);
            Ok(Changed { own: Some(Own::Packed(at)), completed, seeders, ..Changed::default() })
        }
        (Change::Present { .. }, None) | (Change::Absent, Some(_)) => Err(at),
        (Change::Absent | Change::Unchanged { .. }, at) => {
            Ok(Changed { own: at.map(Own::Packed), ..Changed::default() })
        }
    }
}

/// Most announces touch fewer entries, and need not be looked at any closer.
const CALM: usize = 2_000;

fn peers<const N: usize>(bytes: &[u8]) -> &[Peer<N>] {
    FromBytes::ref_from_bytes(bytes).unwrap_or_else(|_| unreachable!("as many bytes as so many peers have"))
}

fn peers_mut<const N: usize>(bytes: &mut [u8]) -> &mut [Peer<N>] {
    FromBytes::mut_from_bytes(bytes).unwrap_or_else(|_| unreachable!("as many bytes as so many peers have"))
}
