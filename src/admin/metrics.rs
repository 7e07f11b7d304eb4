//! `/metrics`: what has been counted, summed over all workers, and what is there.

use socket2::SockRef;

use super::text::Text;
use super::{View, Watched, process};
use crate::bittorrent::Family;
use crate::counters::{Action, Counter, Histogram, Outcome, Spread, Transport, family_name};
use crate::storage::{Health, Totals};

impl View {
    /// All metrics, as text.
    pub(super) fn metrics(&self) -> String {
        let mut text = Text::default();
        self.write_counters(&mut text);
        self.write_durations(&mut text);
        self.write_sockets(&mut text);
        write_totals(&mut text, self.tracker.storage().totals());
        self.write_storage(&mut text, self.tracker.storage().health());
        self.write_process(&mut text);
        text.into_string()
    }

    /// What all workers have counted.
    pub(super) fn sum(&self, counter: Counter) -> u64 {
        self.workers.iter().map(|worker| worker.read(counter)).sum()
    }

    fn write_counters(&self, text: &mut Text) {
        let mut write = |name, help: &str, is: fn(Counter) -> bool| {
            let mut metric = text.counter(name, help);
            for counter in Counter::all().filter(|counter| is(*counter)) {
                metric.value(&counter.labels(), self.sum(counter));
            }
        };
        let help = "Requests received; over UDP every datagram is one.";
        write("chihaya_requests_total", help, |counter| matches!(counter, Counter::Request(..)));
        let help = "Requests answered, with an error or without.";
        write("chihaya_responses_total", help, |counter| matches!(counter, Counter::Response(..)));
        let help = "Datagrams without a reply.";
        write("chihaya_dropped_total", help, |counter| matches!(counter, Counter::Dropped(_)));
        let help = "Bytes received: payloads of UDP, and all that HTTP connections carry.";
        write("chihaya_received_bytes_total", help, |counter| matches!(counter, Counter::Received(..)));
        let help = "Bytes sent: payloads of UDP, and all that HTTP connections carry.";
        write("chihaya_sent_bytes_total", help, |counter| matches!(counter, Counter::Sent(..)));
        let help = "HTTP connections that were closed for cause, or not accepted.";
        write("chihaya_http_rejected_total", help, |counter| matches!(counter, Counter::Rejected(_)));
        text.gauge("chihaya_http_connections", "HTTP connections that are open.").value(&[], (self.http_connections)());
        let help = "New secrets of connection ids.";
        text.counter("chihaya_secret_rotations_total", help).value(&[], (self.secret_rotations)());
    }

    fn write_durations(&self, text: &mut Text) {
        let help = "From a request's receipt to its answer. Over UDP of one batch in 64, for all of whose requests it is the same.";
        let mut metric = text.histogram("chihaya_request_duration_seconds", help);
        for transport in Transport::BOTH {
            let actions = Action::ALL.into_iter().filter(|action| match transport {
                Transport::Udp => *action != Action::Other,
                Transport::Http => *action != Action::Connect,
            });
            for action in actions {
                let spread = self.spread(|worker| worker.durations.requests(transport, action));
                metric.durations(&[("proto", transport.name()), ("action", action.name())], &spread);
            }
        }
        let help =
            "How long the store took with a batch. In memory of one batch in 64 over UDP, and of each over HTTP.";
        let mut metric = text.histogram("chihaya_storage_duration_seconds", help);
        for outcome in Outcome::BOTH {
            let spread = self.spread(|worker| worker.durations.storage(outcome));
            metric.durations(&[("driver", &self.driver), ("result", outcome.name())], &spread);
        }
    }

    fn spread(&self, histogram: impl Fn(&crate::counters::Counters) -> &Histogram) -> Spread {
        let mut spread = Spread::default();
        self.workers.iter().for_each(|worker| histogram(worker).add_to(&mut spread));
        spread
    }

    fn write_sockets(&self, text: &mut Text) {
        let help = "Datagrams that the kernel dropped, for want of room in the receive buffer.";
        let mut metric = text.counter("chihaya_socket_drops_total", help);
        for watched in &self.sockets {
            if let Some(drops) = watched.drops() {
                metric.value(&[("socket", &watched.address.to_string())], drops);
            }
        }
        let help = "What the kernel grants to each worker's socket, its own overhead included.";
        let mut metric = text.gauge("chihaya_socket_receive_buffer_bytes", help);
        for Watched { address, sockets } in &self.sockets {
            let granted = sockets.iter().filter_map(|socket| SockRef::from(socket).recv_buffer_size().ok()).min();
            if let Some(granted) = granted {
                metric.value(&[("socket", &address.to_string())], granted);
            }
        }
    }

    fn write_storage(&self, text: &mut Text, health: Health) {
        let driver = ("driver", self.driver.as_str());
        let mut metric =
            text.counter("chihaya_storage_requests_total", "Batches, and what became of them in the store.");
        let mut write = |result: &str, value: u64| _ = metric.value(&[driver, ("result", result)], value);
        if self.tracker.storage().stand_in().is_some() {
            // The workers have an answer to each; whose it was, the store knows.
            write("ok", health.answered);
            write("error", health.failures);
            write("timeout", health.time_outs);
            write("unshared", health.unshared);
        } else {
            Outcome::BOTH.into_iter().for_each(|outcome| write(outcome.name(), self.sum(Counter::Storage(outcome))));
        }
        let help = "1 while the store answers less well than it should, as from memory in place of a server.";
        text.gauge("chihaya_storage_degraded", help).value(&[driver], u8::from(health.degraded));
        text.gauge("chihaya_storage_in_flight", "Batches that wait for the store.").value(&[driver], health.in_flight);
        text.counter("chihaya_evicted_total", "Torrents forgotten to make room for others.").value(&[], health.evicted);
        let refused = health.refused;
        let mut metric = text.counter("chihaya_refused_total", "Announces that were answered and not stored.");
        for (reason, count) in [("room", refused.room), ("network", refused.network), ("ports", refused.ports)] {
            metric.value(&[("reason", reason)], count);
        }
    }

    fn write_process(&self, text: &mut Text) {
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        text.gauge("chihaya_build_info", "1, with the version that runs.").value(&version, 1);
        process::write(text);
    }
}

/// What the store does not know is left out.
fn write_totals(text: &mut Text, totals: Totals) {
    if let Some(torrents) = totals.torrents {
        text.gauge("chihaya_torrents", "Torrents with a peer or a completed download.").value(&[], torrents);
    }
    if let (Some(peers), Some(seeders)) = (totals.peers, totals.seeders) {
        let mut metric = text.gauge("chihaya_peers", "Peers in all torrents.");
        for family in Family::BOTH {
            let leechers = peers[family].saturating_sub(seeders[family]);
            metric.value(&[("family", family_name(family)), ("role", "seeder")], seeders[family]);
            metric.value(&[("family", family_name(family)), ("role", "leecher")], leechers);
        }
    }
    if let Some(downloads) = totals.downloads {
        text.counter("chihaya_downloads_total", "Downloads that were completed.").value(&[], downloads);
    }
    if let Some(expired) = totals.expired {
        text.counter("chihaya_peers_expired_total", "Peers forgotten for not announcing.").value(&[], expired);
    }
}
