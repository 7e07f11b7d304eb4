//! What a host says of itself.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::IpAddr;
use std::path::Path;
use std::str::FromStr;

/// What matters to a tracker; what the host does not tell is `None`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Host {
    /// Bytes of a socket's receive buffer that may be asked for.
    pub receive_buffer_limit: Option<usize>,
    /// Files, sockets among them, that this process may open.
    pub open_files_limit: Option<u64>,
    /// Connections a listener may have waiting.
    pub accept_queue_limit: Option<u64>,
    /// The kernel's table of connections, where it keeps one.
    pub conntrack: Option<Conntrack>,
    /// Whether it speaks IPv6 at all.
    pub has_ipv6: bool,
    /// Interfaces by name, each with one of its addresses.
    pub interfaces: Vec<(String, IpAddr)>,
}

/// The connections a firewall remembers, datagrams among them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Conntrack {
    /// Those it remembers.
    pub count: u64,
    /// The most it can.
    pub max: u64,
    /// Those to the tracker's UDP ports; `None` where only root may see that, or nobody.
    pub to_the_tracker: Option<usize>,
}

impl Host {
    /// Looks at the host whose /proc is at `proc` and whose interfaces are these, for a tracker on these UDP ports.
    pub fn look(proc: &Path, interfaces: Vec<(String, IpAddr)>, udp_ports: &[u16]) -> Self {
        Self {
            receive_buffer_limit: number(&proc.join("sys/net/core/rmem_max")),
            open_files_limit: open_files(&proc.join("self/limits")),
            accept_queue_limit: number(&proc.join("sys/net/core/somaxconn")),
            conntrack: conntrack(proc, udp_ports),
            has_ipv6: proc.join("net/if_inet6").exists(),
            interfaces,
        }
    }
}

fn number<N: FromStr>(path: &Path) -> Option<N> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// The hard limit, to which a process may raise its own (proc(5), "limits"): the last number of the line.
fn open_files(path: &Path) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    match line.split_whitespace().nth(1)? {
        "unlimited" => Some(u64::MAX),
        number => number.parse().ok(),
    }
}

fn conntrack(proc: &Path, udp_ports: &[u16]) -> Option<Conntrack> {
    let folder = proc.join("sys/net/netfilter");
    let count = number(&folder.join("nf_conntrack_count"))?;
    let max = number(&folder.join("nf_conntrack_max"))?;
    Some(Conntrack { count, max, to_the_tracker: tracked(&proc.join("net/nf_conntrack"), udp_ports) })
}

/// How many lines of the table are of datagrams to these ports. It is read line by line: it may have millions.
fn tracked(table: &Path, udp_ports: &[u16]) -> Option<usize> {
    let words: Vec<_> = udp_ports.iter().map(|port| format!("dport={port}")).collect();
    let is_ours = |line: &String| {
        let mut fields = line.split_whitespace();
        // The first direction is the client's.
        let first = fields.find(|field| field.starts_with("dport="));
        line.contains(" udp ") && first.is_some_and(|first| words.iter().any(|word| word == first))
    };
    let lines = BufReader::new(File::open(table).ok()?).lines();
    Some(lines.map_while(Result::ok).filter(is_ours).count())
}
