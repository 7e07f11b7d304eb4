//! What single requests must do.

use super::trial::{Told, Trial, counts, equal, present, told, v4, v6};
use super::{Behaviour, Mismatch};
use crate::bittorrent::{Counts, Endpoint, Family};
use crate::storage::{Announce, Change, Reply, Request, Role, Scrape, Want};
use std::collections::BTreeSet;

pub(super) const ALL: &[Behaviour] = &[
    ("a batch comes back whole and in order, an empty one too", |trial| Box::pin(a_batch_comes_back_whole(trial))),
    ("a batch may be of any size", |trial| Box::pin(a_batch_may_be_large(trial))),
    ("counts include the peer that has just announced", |trial| Box::pin(counts_include_the_announcer(trial))),
    ("nobody is returned to itself", |trial| Box::pin(nobody_is_returned_to_itself(trial))),
    ("a peer is its family, address and port", |trial| Box::pin(a_peer_is_where_it_is(trial))),
    ("families are swarms of their own, of one torrent", |trial| Box::pin(families_are_apart(trial))),
    ("both families are returned where both are wanted", |trial| Box::pin(both_families_are_returned(trial))),
    ("torrents are never mixed up", |trial| Box::pin(torrents_are_apart(trial))),
    ("who has all it wants is offered those who download", |trial| Box::pin(seeders_are_offered_downloaders(trial))),
    ("a role may change, and counts with it", |trial| Box::pin(roles_change(trial))),
    ("a completed download counts once for each peer", |trial| Box::pin(completed_counts_once(trial))),
    ("one that began as a seeder never completes", |trial| Box::pin(a_born_seeder_never_completes(trial))),
    ("completed counts for seeders only", |trial| Box::pin(completed_counts_for_seeders(trial))),
    ("who leaves is gone at once", |trial| Box::pin(who_leaves_is_gone(trial))),
    ("looking, leaving and scraping create nothing", |trial| Box::pin(nothing_comes_from_nothing(trial))),
    ("looking on leaves a peer as it is", |trial| Box::pin(looking_changes_nothing(trial))),
    ("what is saved is still there", |trial| Box::pin(saving_changes_nothing(trial))),
    ("requests of a batch are applied one after another", |trial| Box::pin(a_batch_is_applied_in_order(trial))),
    ("no bytes of a hash or an endpoint are special", |trial| Box::pin(no_bytes_are_special(trial))),
    ("totals, where they are known, are those of what is there", |trial| Box::pin(totals_follow(trial))),
];

use Role::{Downloader, PartialSeed, Seeder};

async fn a_batch_comes_back_whole(trial: &mut Trial) -> Result<(), Mismatch> {
    trial.ask(&[]).await?;
    let [one, other] = [trial.torrent(), trial.torrent()];
    let requests: Vec<Request> = (0..64_u16)
        .flat_map(|number| -> [Request; 2] {
            let torrent = if number % 3 == 0 { other } else { one };
            [present(torrent, v4(number), Downloader).into(), Scrape { info_hash: torrent, family: Family::V4 }.into()]
        })
        .collect();
    let batch = trial.ask(&requests).await?;
    for index in (0..requests.len()).step_by(2) {
        told(&batch, index)?;
    }
    Ok(())
}

/// 64 datagrams of UDP may each scrape 74 torrents.
async fn a_batch_may_be_large(trial: &mut Trial) -> Result<(), Mismatch> {
    let torrents: Vec<_> = (0..64).map(|_| trial.torrent()).collect();
    let comes = torrents.iter().map(|&torrent| present(torrent, v4(1), Seeder).into());
    let scrapes = torrents.iter().map(|&info_hash| Scrape { info_hash, family: Family::V4 }.into());
    let requests: Vec<Request> = comes.chain(scrapes.cycle().take(64 * 74)).collect();
    let batch = trial.ask(&requests).await?;
    for entry in &batch.entries[64..] {
        equal("a scrape", &entry.reply, &Reply::Scrape { counts: counts(1, 0, 0) })?;
    }
    Ok(())
}

async fn counts_include_the_announcer(trial: &mut Trial) -> Result<(), Mismatch> {
    let torrent = trial.torrent();
    let alone = trial.present(torrent, v4(1), Seeder).await?;
    equal("counts of the first", &alone.counts, &counts(1, 0, 0))?;
    let second = trial.present(torrent, v4(2), Downloader).await?;
    equal("counts of the second", &second.counts, &counts(1, 1, 0))?;
    let paused = trial.present(torrent, v4(3), PartialSeed).await?;
    equal("counts of a partial seed", &paused.counts, &Counts { leechers: 2, ..counts(1, 1, 0) })?;
    let again = trial.present(torrent, v4(1), Seeder).await?;
    equal("counts of a renewal", &again.counts, &paused.counts)
}

async fn nobody_is_returned_to_itself(trial: &mut Trial) -> Result<(), Mismatch> {
    let torrent = trial.torrent();
    let alone = trial.present(torrent, v4(1), Downloader).await?;
    equal("peers of one alone", &alone.peers, &BTreeSet::new())?;
    for number in 2..40 {
        let others: BTreeSet<_> = (1..number).map(v4).collect();
        for turn in ["coming", "coming again"] {
            let told = trial.present(torrent, v4(number), Downloader).await?;
            equal(&format!("peers of the {number}th, {turn}"), &told.peers, &others)?;
        }
    }
    Ok(())
}

async fn a_peer_is_where_it_is(trial: &mut Trial) -> Result<(), Mismatch> {
    let torrent = trial.torrent();
    let address = v4(1).address();
    for (number, port) in [(1, 1), (2, 2), (2, 1), (3, u16::MAX)] {
        let told = trial.present(torrent, Endpoint::new(address, port), Downloader).await?;
        equal(&format!("peers, port {port}"), &told.counts.leechers, &number)?;
    }
    Ok(())
}

async fn families_are_apart(trial: &mut Trial) -> Result<(), Mismatch> {
    let torrent = trial.torrent();
    trial.present(torrent, v4(1), Seeder).await?;
    let other = trial.present(torrent, v6(1), Downloader).await?;
    equal("counts of the other family", &other.counts, &counts(0, 1, 0))?;
    equal("peers of the other family", &other.peers, &BTreeSet::new())?;
    let completed =
        Announce { change: Change::Present { role: Seeder, completed: true }, ..present(torrent, v6(1), Seeder) };
    trial.announce(completed).await?;
    trial.present(torrent, v6(2), Downloader).await?;
    equal("a scrape of IPv4", &trial.scrape(torrent, Family::V4).await?, &counts(1, 0, 1))?;
    equal("a scrape of IPv6", &trial.scrape(torrent, Family::V6).await?, &counts(1, 1, 1))
}

async fn both_families_are_returned(trial: &mut Trial) -> Result<(), Mismatch> {
    let torrent = trial.torrent();
    for number in 0..20 {
        trial.present(torrent, v4(number), Downloader).await?;
        trial.present(torrent, v6(number), Downloader).await?;
    }
    for (want, own, other) in [(10, 5, 5), (11, 6, 5), (1, 1, 0), (30, 15, 15), (200, 19, 20)] {
        for requester in [v4(3), v6(3)] {
            let want = Want { peers: want, both_families: true };
            let Told { counts, peers } =
                trial.announce(Announce { want, ..present(torrent, requester, Downloader) }).await?;
            let of = |family| peers.iter().filter(|peer| peer.family() == family).count();
            let family = requester.family();
            let what = format!("{} wanted, of {family:?} and of the other", want.peers);
            equal(&what, &[of(family), of(family.other())], &[own, other])?;
            equal("the counts, which are of the requester's family", &counts.leechers, &20)?;
        }
    }
    Ok(())
}

async fn torrents_are_apart(trial: &mut Trial) -> Result<(), Mismatch> {
    let torrent = trial.torrent();
    // Alike but for one bit, at any place.
    let others: Vec<_> = (0..20)
        .map(|at| {
            let mut other = torrent;
            other.0[at] ^= 1 << (at % 8);
            other
        })
        .collect();
    trial.present(torrent, v4(0), Downloader).await?;
    for (number, other) in (1..).zip(others) {
        let told = trial.present(other, v4(number), Downloader).await?;
        equal("peers of another torrent", &told.peers, &BTreeSet::new())?;
    }
    equal("the torrent's own", &trial.scrape(torrent, Family::V4).await?, &counts(0, 1, 0))
}

async fn seeders_are_offered_downloaders(trial: &mut Trial) -> Result<(), Mismatch> {
    let torrent = trial.torrent();
    for (numbers, role) in [(0..5, Seeder), (5..9, PartialSeed), (9..12, Downloader)] {
        for number in numbers {
            trial.present(torrent, v4(number), role).await?;
        }
    }
    let downloaders: BTreeSet<_> = (9..12).map(v4).collect();
    for (who, role) in [(0, Seeder), (5, PartialSeed)] {
        let told = trial.present(torrent, v4(who), role).await?;
        equal(&format!("what a {role:?} is offered"), &told.peers, &downloaders)?;
    }
    let told = trial.present(torrent, v4(9), Downloader).await?;
    equal("what a downloader is offered", &told.peers, &(0..12).filter(|&number| number != 9).map(v4).collect())
}

async fn roles_change(trial: &mut Trial) -> Result<(), Mismatch> {
    let torrent = trial.torrent();
    trial.present(torrent, v4(0), Seeder).await?;
    let expected = [
        (Downloader, 0, 1),
        (Seeder, 1, 0),
        (PartialSeed, 0, 0),
        (Downloader, 0, 1),
        (PartialSeed, 0, 0),
        (Seeder, 1, 0),
    ];
    for (role, seeders, downloaders) in expected {
        let told = trial.present(torrent, v4(1), role).await?;
        let must = Counts { seeders: 1 + seeders, leechers: 1 - seeders, downloaders, completed: 0 };
        equal(&format!("counts after it has become a {role:?}"), &told.counts, &must)?;
    }
    Ok(())
}

async fn completed_counts_once(trial: &mut Trial) -> Result<(), Mismatch> {
    let torrent = trial.torrent();
    let completed = |number| Announce {
        change: Change::Present { role: Seeder, completed: true },
        ..present(torrent, v4(number), Seeder)
    };
    trial.present(torrent, v4(0), Downloader).await?;
    for _ in 0..3 {
        equal("completed, said again and again", &trial.announce(completed(0)).await?.counts.completed, &1)?;
    }
    trial.present(torrent, v4(0), Downloader).await?;
    equal("completed, after downloading more", &trial.announce(completed(0)).await?.counts.completed, &1)?;
    equal("completed, by one not seen before", &trial.announce(completed(1)).await?.counts.completed, &2)?;
    equal("completed, of IPv6", &trial.scrape(torrent, Family::V6).await?, &counts(0, 0, 2))?;
    trial.leave(torrent, v4(0)).await?;
    equal("completed, after leaving and coming anew", &trial.announce(completed(0)).await?.counts.completed, &3)
}

async fn a_born_seeder_never_completes(trial: &mut Trial) -> Result<(), Mismatch> {
    let torrent = trial.torrent();
    let change = Change::Present { role: Seeder, completed: true };
    trial.present(torrent, v4(0), Seeder).await?;
    // Lacking something again makes no other beginning.
    for role in [Seeder, Downloader, PartialSeed] {
        trial.present(torrent, v4(0), role).await?;
        let told = trial.announce(Announce { change, ..present(torrent, v4(0), Seeder) }).await?;
        equal(&format!("completed, after it was a {role:?}"), &told.counts, &counts(1, 0, 0))?;
    }
    Ok(())
}

async fn completed_counts_for_seeders(trial: &mut Trial) -> Result<(), Mismatch> {
    let torrent = trial.torrent();
    for (number, role) in [(0, Downloader), (1, PartialSeed)] {
        let change = Change::Present { role, completed: true };
        let told = trial.announce(Announce { change, ..present(torrent, v4(number), role) }).await?;
        equal(&format!("completed by a {role:?}"), &told.counts.completed, &0)?;
    }
    Ok(())
}

async fn who_leaves_is_gone(trial: &mut Trial) -> Result<(), Mismatch> {
    let torrent = trial.torrent();
    for number in 0..3 {
        trial.present(torrent, v4(number), Downloader).await?;
        trial.present(torrent, v6(number), Downloader).await?;
    }
    let left = trial.leave(torrent, v4(1)).await?;
    equal("counts of who leaves", &left.counts, &counts(0, 2, 0))?;
    equal("peers of who leaves", &left.peers, &BTreeSet::new())?;
    let told = trial.present(torrent, v4(0), Downloader).await?;
    equal("who is left", &told.peers, &BTreeSet::from([v4(2)]))?;
    equal("the other family", &trial.scrape(torrent, Family::V6).await?, &counts(0, 3, 0))
}

async fn nothing_comes_from_nothing(trial: &mut Trial) -> Result<(), Mismatch> {
    let torrent = trial.torrent();
    equal("an unknown torrent", &trial.scrape(torrent, Family::V4).await?, &Counts::default())?;
    for change in [Change::Absent, Change::Unchanged { role: Downloader }] {
        for known in [false, true] {
            let told = trial.announce(Announce { change, ..present(torrent, v4(7), Downloader) }).await?;
            let must = counts(0, u32::from(known), 0);
            equal(&format!("counts after {change:?}"), &told.counts, &must)?;
            if !known {
                trial.present(torrent, v4(1), Downloader).await?;
            }
        }
        trial.leave(torrent, v4(1)).await?;
    }
    equal("what is left", &trial.scrape(torrent, Family::V4).await?, &Counts::default())
}

async fn looking_changes_nothing(trial: &mut Trial) -> Result<(), Mismatch> {
    let torrent = trial.torrent();
    trial.present(torrent, v4(0), Downloader).await?;
    trial.present(torrent, v4(1), Seeder).await?;
    for (role, offered) in [(Seeder, &[][..]), (PartialSeed, &[]), (Downloader, &[v4(1)])] {
        let look = Announce { change: Change::Unchanged { role }, ..present(torrent, v4(0), role) };
        let told = trial.announce(look).await?;
        equal(&format!("counts of a {role:?} that looks on"), &told.counts, &counts(1, 1, 0))?;
        equal(&format!("peers of a {role:?} that looks on"), &told.peers, &offered.iter().copied().collect())?;
    }
    let told = trial.present(torrent, v4(1), Seeder).await?;
    equal("what is offered afterwards", &told.peers, &BTreeSet::from([v4(0)]))
}

async fn saving_changes_nothing(trial: &mut Trial) -> Result<(), Mismatch> {
    let torrent = trial.torrent();
    trial.present(torrent, v4(0), Seeder).await?;
    trial.store.save(trial.now()).map_err(|error| Mismatch(format!("it cannot be saved: {error}")))?;
    let told = trial.present(torrent, v4(1), Downloader).await?;
    equal("peers", &told.peers, &BTreeSet::from([v4(0)]))
}

async fn a_batch_is_applied_in_order(trial: &mut Trial) -> Result<(), Mismatch> {
    let torrent = trial.torrent();
    let comes = |number| -> Request { present(torrent, v4(number), Downloader).into() };
    let leaves = |number| Announce { change: Change::Absent, ..present(torrent, v4(number), Downloader) }.into();
    let batch = trial.ask(&[comes(0), comes(1), comes(0), leaves(0), comes(2), leaves(2), comes(2)]).await?;
    for (index, leechers) in [1, 2, 2, 1, 2, 1, 2].into_iter().enumerate() {
        equal(&format!("leechers after request {index}"), &told(&batch, index)?.counts.leechers, &leechers)?;
    }
    equal("peers of the last", &told(&batch, 6)?.peers, &BTreeSet::from([v4(1)]))
}

async fn no_bytes_are_special(trial: &mut Trial) -> Result<(), Mismatch> {
    let endpoints = [
        Endpoint::new([0x7b, 0x7d, 0x0a, 0x00].into(), 0x0d0a),
        Endpoint::new([0xff, 0xfe, 0xfd, 0xfc].into(), u16::MAX),
        Endpoint::new([1, 0, 0, 1].into(), 1),
    ];
    // Braces, line ends, zeros, quotes: whatever a text protocol might take for its own.
    for bytes in [*b"{}{}{}", *b"\0\0\0\0\0\0", *b"\r\n\r\n\r\n", *b"\xff\xff\xff\xff\xff\xff", *b"\"'\\%* "] {
        let mut torrent = trial.torrent();
        torrent.0[..6].copy_from_slice(&bytes);
        for peer in endpoints {
            trial.present(torrent, peer, Downloader).await?;
        }
        let told = trial.present(torrent, v4(0), Downloader).await?;
        equal(
            &format!("peers of a torrent that begins with {bytes:?}"),
            &told.peers,
            &endpoints.into_iter().collect(),
        )?;
    }
    Ok(())
}

async fn totals_follow(trial: &mut Trial) -> Result<(), Mismatch> {
    let before = trial.store.totals();
    let torrents = [trial.torrent(), trial.torrent()];
    for number in 0..7 {
        trial.present(torrents[usize::from(number % 2)], v4(number), Downloader).await?;
    }
    trial.present(torrents[0], v6(0), Seeder).await?;
    trial.leave(torrents[0], v4(0)).await?;
    // The only peer of its torrent, which is gone with it; and torrents that are none.
    let (emptied, unknown) = (trial.torrent(), trial.torrent());
    trial.present(emptied, v4(0), Seeder).await?;
    trial.leave(emptied, v4(0)).await?;
    trial.leave(unknown, v4(0)).await?;
    trial.scrape(unknown, Family::V4).await?;
    let after = trial.store.totals();
    if let (Some(before), Some(after)) = (before.torrents, after.torrents) {
        equal("torrents more", &after.wrapping_sub(before), &2)?;
    }
    if let (Some(before), Some(after)) = (before.peers, after.peers) {
        let more = [after.v4.wrapping_sub(before.v4), after.v6.wrapping_sub(before.v6)];
        equal("IPv4 and IPv6 peers more", &more, &[6, 1])?;
    }
    Ok(())
}
