//! The functions that are counted, each of which callgrind can tell from the others by its name.

use std::hint::black_box;

use chihaya::bittorrent::{Counts, Family};
use chihaya::wire::http::AnnounceRequest;
use chihaya::wire::udp::{AnnounceReply, Request};
use chihaya_benches::micro::START;

use crate::stage::{BATCH, Stage, parse};

/// Something to be counted.
pub(crate) struct Hot {
    pub(crate) name: &'static str,
    /// How often `work` does what is counted.
    pub(crate) times: u64,
    /// What is not counted.
    pub(crate) prepare: fn(&mut Stage),
    pub(crate) work: fn(&mut Stage),
}

/// Functions that are never inlined, and the list of them. Each mentions its name, for the compiler makes equal functions one.
macro_rules! hot {
    ($($name:ident, $times:expr, $prepare:expr, |$stage:ident| $work:expr;)*) => {
        $(#[inline(never)]
        fn $name($stage: &mut Stage) {
            black_box(stringify!($name));
            $work;
        })*

        /// All of them, in the order of the table.
        pub(crate) const HOT: &[Hot] = &[
            $(Hot { name: stringify!($name), times: $times as u64, prepare: $prepare, work: $name },)*
        ];
    };
}

hot! {
    udp_parse_connect, 1, nothing, |stage| black_box(Request::parse(black_box(&stage.connect_packet)).is_ok());
    udp_parse_announce, 1, nothing, |stage| black_box(parse(black_box(&stage.announce_packet), stage.client));
    connection_id_issue, 1, nothing, |stage| black_box(stage.connection_ids.issue(stage.client));
    connection_id_accept, 1, nothing, |stage| {
        black_box(stage.connection_ids.accept(stage.client, stage.connection_id))
    };
    admit, 1, nothing, |stage| black_box(stage.live.admit(&stage.announce, 200, false).is_ok());
    udp_write_announce, 1, nothing, |stage| black_box(write(stage));
    http_parse_announce, 1, nothing, |stage| {
        black_box(AnnounceRequest::parse(stage.query.as_bytes(), stage.client).is_ok())
    };
    http_write_announce, 1, empty_body, |stage| {
        let mut body = std::mem::take(&mut stage.body);
        stage.reply().write(&mut body);
        stage.body = body;
    };

    store_renew_1_ipv4, BATCH, |stage| stage.renewals(Family::V4, 1, 0), |stage| stage.apply();
    store_renew_1_ipv6, BATCH, |stage| stage.renewals(Family::V6, 1, 0), |stage| stage.apply();
    store_renew_10_ipv4, BATCH, |stage| stage.renewals(Family::V4, 10, 0), |stage| stage.apply();
    store_renew_10_ipv6, BATCH, |stage| stage.renewals(Family::V6, 10, 0), |stage| stage.apply();
    store_renew_100_ipv4, BATCH, |stage| stage.renewals(Family::V4, 100, 0), |stage| stage.apply();
    store_renew_100_ipv6, BATCH, |stage| stage.renewals(Family::V6, 100, 0), |stage| stage.apply();
    store_renew_2000_ipv4, BATCH, |stage| stage.renewals(Family::V4, 2_000, 0), |stage| stage.apply();
    store_renew_2000_ipv6, BATCH, |stage| stage.renewals(Family::V6, 2_000, 0), |stage| stage.apply();

    store_50_of_100_ipv4, BATCH, |stage| stage.renewals(Family::V4, 100, 50), |stage| stage.apply();
    store_50_of_100_ipv6, BATCH, |stage| stage.renewals(Family::V6, 100, 50), |stage| stage.apply();
    store_50_of_2000_ipv4, BATCH, |stage| stage.renewals(Family::V4, 2_000, 50), |stage| stage.apply();
    store_50_of_2000_ipv6, BATCH, |stage| stage.renewals(Family::V6, 2_000, 50), |stage| stage.apply();

    store_go_or_come_1_ipv4, BATCH, |stage| stage.returns(Family::V4, 1), |stage| stage.apply();
    store_go_or_come_10_ipv4, BATCH, |stage| stage.returns(Family::V4, 10), |stage| stage.apply();
    store_go_or_come_100_ipv4, BATCH, |stage| stage.returns(Family::V4, 100), |stage| stage.apply();
    store_go_or_come_2000_ipv4, BATCH, |stage| stage.returns(Family::V4, 2_000), |stage| stage.apply();

    store_new_torrents_random, BATCH, |stage| stage.newcomers(false), |stage| stage.apply_newcomers();
    store_new_torrents_chosen, BATCH, |stage| stage.newcomers(true), |stage| stage.apply_newcomers();

    udp_handle_connect, BATCH, |stage| stage.mail(Family::V4, false), |stage| answer(stage);
    udp_handle_announce_ipv4, BATCH, |stage| stage.mail(Family::V4, true), |stage| answer(stage);
    udp_handle_announce_ipv6, BATCH, |stage| stage.mail(Family::V6, true), |stage| answer(stage);
}

fn nothing(_: &mut Stage) {}

fn empty_body(stage: &mut Stage) {
    stage.body.clear();
}

fn write(stage: &mut Stage) -> usize {
    let counts = Counts { seeders: 1, leechers: 2, downloaders: 2, completed: 3 };
    let transaction_id = chihaya::wire::udp::TransactionId(7.into());
    AnnounceReply::new(transaction_id, black_box(1_800), black_box(&counts)).write(&mut stage.buffer, &stage.peers)
}

fn answer(stage: &mut Stage) {
    stage.world.answer(START, &mut stage.mail);
}
