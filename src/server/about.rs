//! What the status page says of a configuration.

use crate::admin::About;
use crate::config::Config;

/// Policies in words, for people who announce here.
pub(super) fn about(config: &Config, announce_urls: Vec<String>) -> About {
    let (tracker, limits) = (&config.tracker, &config.limits);
    let most = |limit: u64, unit: &str| if limit == 0 { "no limit".into() } else { format!("at most {limit}{unit}") };
    let policy = vec![
        ("Announce again after", tracker.announce_interval.to_string()),
        ("Not before", tracker.min_announce_interval.to_string()),
        ("Forgotten after", tracker.peer_lifetime.to_string()),
        ("Peers in an answer", format!("{}, at most {}", tracker.default_numwant, tracker.max_numwant)),
        ("Torrents in a scrape over UDP", format!("at most {}", tracker.max_scrape_infohashes)),
        ("Private addresses", if tracker.store_private_addresses { "stored" } else { "answered, not stored" }.into()),
        ("Ports of one address in a torrent", most(limits.ports_per_address.into(), "")),
        ("New peers of one network", most(limits.new_entries_per_second.into(), " a second")),
    ];
    About { announce_urls, policy, contact: config.server.contact.clone() }
}
