//! What follows from a host and a configuration.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use super::{Conntrack, Host};
use crate::bittorrent::Family;
use crate::config::Config;
use crate::server::{BACKLOG, open_files, workers};
use crate::units::Size;

/// One thing that was looked at.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// What it comes to.
    pub verdict: Verdict,
    /// What was looked at.
    pub subject: &'static str,
    /// What was seen.
    pub says: String,
    /// What to run, if anything.
    pub commands: Vec<String>,
}

/// What a finding comes to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// As it should be.
    Fine,
    /// To be known, not to be changed: the tracker serves as it is configured to.
    Note,
    /// The tracker will serve worse than it could.
    Advice,
}

impl Verdict {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Fine => "ok",
            Self::Note => "note",
            Self::Advice => "advice",
        }
    }
}

/// Everything there is to say of a tracker with this configuration on this host.
pub fn examine(config: &Config, host: &Host) -> Vec<Finding> {
    let findings = [
        receive_buffer(config, host),
        accept_queue(config, host),
        files(config, host),
        conntrack(config, host),
        ipv6(config, host),
        addresses(config, host),
    ];
    findings.into_iter().flatten().collect()
}

fn receive_buffer(config: &Config, host: &Host) -> Option<Finding> {
    if config.udp.listen.is_empty() {
        return None;
    }
    let (subject, asked) = ("receive buffer", config.udp.receive_buffer);
    Some(match host.receive_buffer_limit.map(Size) {
        None => note(
            subject,
            format!("udp.receive_buffer asks for {asked}; the limit, net.core.rmem_max, is not to be seen here"),
        ),
        Some(limit) if limit < asked => {
            let says = format!(
                "udp.receive_buffer asks for {asked}, net.core.rmem_max allows {limit}: bursts are lost sooner"
            );
            advice(subject, says, [format!("sysctl -w net.core.rmem_max={}", asked.0)])
        }
        Some(limit) => fine(subject, format!("net.core.rmem_max, {limit}, allows the {asked} of udp.receive_buffer")),
    })
}

fn accept_queue(config: &Config, host: &Host) -> Option<Finding> {
    let limit = host.accept_queue_limit.filter(|_| !config.http.listen.is_empty())?;
    let (subject, wanted) = ("accept queue", u64::from(BACKLOG.unsigned_abs()));
    Some(if limit < wanted {
        let says =
            format!("net.core.somaxconn is {limit}, each HTTP listener asks for {wanted}: in bursts, clients wait");
        advice(subject, says, [format!("sysctl -w net.core.somaxconn={wanted}")])
    } else {
        fine(subject, format!("net.core.somaxconn, {limit}, allows the {wanted} of each HTTP listener"))
    })
}

fn files(config: &Config, host: &Host) -> Option<Finding> {
    let limit = host.open_files_limit.filter(|_| !config.http.listen.is_empty())?;
    let (subject, wanted) = ("open files", open_files(config, workers(config)));
    let connections = config.http.max_connections;
    Some(if limit < wanted {
        let says = format!(
            "{connections} connections (http.max_connections) and all sockets need {wanted}, the limit here is {limit}"
        );
        let service =
            format!("LimitNOFILE={wanted}        in the service's unit, or --ulimit nofile={wanted} for a container");
        advice(subject, says, [format!("ulimit -Hn {wanted}          as root, in the shell that starts it"), service])
    } else {
        fine(subject, format!("the limit here, {limit}, allows the {wanted} of http.max_connections and all sockets"))
    })
}

fn conntrack(config: &Config, host: &Host) -> Option<Finding> {
    let subject = "conntrack";
    let ports: BTreeSet<_> = udp_ports(config).into_iter().map(|port| port.to_string()).collect();
    if ports.is_empty() {
        return None;
    }
    let Some(Conntrack { count, max, to_the_tracker }) = host.conntrack else {
        return Some(fine(subject, "the kernel keeps no table of connections".into()));
    };
    let ports: Vec<_> = ports.into_iter().collect();
    let commands = notrack(&ports.join(", "));
    let full = count.saturating_mul(5) >= max.saturating_mul(4);
    Some(match to_the_tracker {
        Some(ours) if ours > 0 => {
            let says = format!(
                "{ours} of {count} tracked connections are datagrams to the tracker; at {max} the table is full, and drops packets"
            );
            advice(subject, says, commands)
        }
        _ if full => {
            let says = format!("{count} connections are tracked; at {max} the table is full, and drops packets");
            advice(subject, says, [format!("sysctl -w net.netfilter.nf_conntrack_max={}", max.saturating_mul(4))])
        }
        Some(_) => fine(subject, format!("none of the {count} tracked connections is of datagrams to the tracker")),
        None => {
            let says = format!(
                "{count} connections are tracked, at most {max}; whether datagrams to the tracker are among them is not to be seen \
                 here. If so:"
            );
            Finding { commands, ..note(subject, says) }
        }
    })
}

/// Has the kernel forget about the datagrams of these ports.
fn notrack(ports: &str) -> Vec<String> {
    let chain = |name: &str, hook: &str| {
        format!("nft 'add chain inet chihaya {name} {{ type filter hook {hook} priority raw; }}'")
    };
    let rule =
        |name: &str, field: &str| format!("nft 'add rule inet chihaya {name} udp {field} {{ {ports} }} notrack'");
    vec![
        "nft 'add table inet chihaya'".into(),
        chain("requests", "prerouting"),
        chain("replies", "output"),
        rule("requests", "dport"),
        rule("replies", "sport"),
    ]
}

fn ipv6(config: &Config, host: &Host) -> Option<Finding> {
    let subject = "IPv6";
    let listening = || config.udp.listen.iter().chain(&config.http.listen);
    let (v4, v6) = (listening().any(SocketAddr::is_ipv4), listening().any(SocketAddr::is_ipv6));
    let reachable = host.interfaces.iter().any(|(_, address)| address.is_ipv6() && is_reachable(*address));
    Some(match (v4, v6) {
        (_, true) if !host.has_ipv6 => {
            note(subject, "this host has none: clients of IPv6 will not find the tracker".into())
        }
        (false, true) => {
            let says = "every address that is listened on is IPv6, which leaves IPv4 out, whatever net.ipv6.bindv6only says; \
                        add 0.0.0.0";
            note(subject, says.into())
        }
        (_, true) if !reachable => note(subject, "no interface has an address that others could reach".into()),
        (_, true) => fine(subject, "there are addresses that others can reach".into()),
        (_, false) if reachable => note(subject, "this host has addresses, and none is listened on; add [::]".into()),
        (_, false) => return None,
    })
}

/// Wildcards on hosts with several addresses: where other trackers' replies leave from the wrong one.
fn addresses(config: &Config, host: &Host) -> Option<Finding> {
    let mut several = BTreeMap::<(&str, Family), usize>::new();
    for (interface, address) in &host.interfaces {
        let family = Family::of(*address);
        let is_wildcard = |listen: &&SocketAddr| listen.ip().is_unspecified() && Family::of(listen.ip()) == family;
        if is_reachable(*address) && config.udp.listen.iter().find(is_wildcard).is_some() {
            *several.entry((interface, family)).or_default() += 1;
        }
    }
    let told = several.iter().filter(|(_, count)| **count > 1).map(|((interface, family), count)| {
        let family = if *family == Family::V4 { "IPv4" } else { "IPv6" };
        format!("{interface} has {count} {family} addresses")
    });
    let told: Vec<_> = told.collect();
    let says = format!("{}; replies leave from the one that was asked", told.join(", "));
    (!told.is_empty()).then(|| fine("addresses", says))
}

/// Beyond the host and its cable.
fn is_reachable(address: IpAddr) -> bool {
    let is_link_local = match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    !address.is_loopback() && !is_link_local
}

/// The UDP ports that are known before the tracker has started.
pub(super) fn udp_ports(config: &Config) -> BTreeSet<u16> {
    config.udp.listen.iter().map(SocketAddr::port).filter(|port| *port != 0).collect()
}

fn fine(subject: &'static str, says: String) -> Finding {
    Finding { verdict: Verdict::Fine, subject, says, commands: Vec::new() }
}

fn note(subject: &'static str, says: String) -> Finding {
    Finding { verdict: Verdict::Note, ..fine(subject, says) }
}

fn advice(subject: &'static str, says: String, commands: impl Into<Vec<String>>) -> Finding {
    Finding { verdict: Verdict::Advice, commands: commands.into(), ..fine(subject, says) }
}
