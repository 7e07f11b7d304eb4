//! HTTP announces per second of a server's processor time, of any number of servers in the same run.
//!
//! ```text
//! http_load [--close] [--seconds N] [--rounds N] [--connections N] [--torrents N] [--peers N] [--numwant N]
//!           [--write-hashes FILE] --server NAME PORT COMMAND…
//! ```
//!
//! Starts each server on core 0, has every peer announce itself there once, and checks each reply strictly. Then it loads one
//! server after another from core 1, in rounds: over connections that are kept, or, with `--close`, over a new one for
//! each announce. `--write-hashes` leaves the torrents in a file, in hexadecimal, for trackers that want a whitelist.
//!
//! The figure to compare is the requests per second of processor time, also as a share of the first server's in the same
//! round. This program never sleeps while it loads: no server pays for waking it.

mod connection;
mod load;

use std::fs;
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use chihaya_benches::arguments::{Arguments, refuse};
use chihaya_benches::process::{self, CpuTime};
use chihaya_benches::server::{Server, ServerCommand, turns};
use chihaya_benches::spread::Spread;
use chihaya_benches::table::{Table, thousands};

use load::{Load, Swarms};

struct Options {
    seconds: f64,
    rounds: usize,
    swarms: Swarms,
    servers: Vec<ServerCommand>,
}

fn main() {
    let Options { seconds, rounds, swarms, servers } = options();
    let (server_core, own_core) = cores();
    own_core.inspect(|core| process::pin(*core));
    let accepts = |address| TcpStream::connect(address).is_ok();
    let start = |command| Server::start(command, LOOPBACK, server_core, accepts);
    let servers: Vec<_> = servers.iter().map(start).collect();
    let mut loads: Vec<_> = servers.iter().map(|server| Load::new(server.address(), &swarms)).collect();
    for (server, load) in servers.iter().zip(&mut loads) {
        load.fill().unwrap_or_else(|failure| panic!("{}: {failure}", server.name()));
    }
    let mut results: Vec<_> = servers.iter().map(|_| Results::default()).collect();
    for round in 0..rounds {
        let mut rates = vec![0.0; servers.len()];
        for index in turns(round, servers.len()) {
            rates[index] = results[index].measure(&servers[index], &mut loads[index], seconds);
        }
        for (result, rate) in results.iter_mut().zip(&rates) {
            result.ratio.push(rate / rates[0]);
        }
    }
    print!("{}", table(&servers, &results));
}

/// One server's figures, a value for each round.
#[derive(Default)]
struct Results {
    per_second: Spread,
    per_cpu_second: Spread,
    ratio: Spread,
    user_microseconds: Spread,
    system_microseconds: Spread,
    busy_percent: Spread,
    body_bytes: Spread,
    errors: u64,
}

impl Results {
    /// Loads the server for a while; returns its requests per second of processor time.
    fn measure(&mut self, server: &Server, load: &mut Load<'_>, seconds: f64) -> f64 {
        load.run(Duration::from_secs_f64(seconds * WARM_UP));
        let (start, before) = (Instant::now(), CpuTime::of(server.process()));
        let tally = load.run(Duration::from_secs_f64(seconds));
        let (elapsed, used) = (start.elapsed(), CpuTime::of(server.process()).since(before));
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let (replies, bytes) = (tally.replies as f64, tally.body_bytes as f64);
        self.per_second.push(replies / elapsed.as_secs_f64());
        self.per_cpu_second.push(replies / used.total().as_secs_f64());
        self.user_microseconds.push(used.user.as_secs_f64() * 1e6 / replies);
        self.system_microseconds.push(used.system.as_secs_f64() * 1e6 / replies);
        self.busy_percent.push(used.total().as_secs_f64() * 100.0 / elapsed.as_secs_f64());
        self.body_bytes.push(bytes / replies);
        self.errors += tally.errors;
        replies / used.total().as_secs_f64()
    }
}

fn table(servers: &[Server], results: &[Results]) -> Table {
    let head =
        ["server", "requests/s", "per CPU second", "to the first", "user µs", "system µs", "busy %", "body", "errors"];
    let mut table = Table::new(head);
    for (server, result) in servers.iter().zip(results) {
        table.row([
            server.name().to_owned(),
            format!("{:.0}", result.per_second.median()),
            result.per_cpu_second.cell(0),
            result.ratio.cell(3),
            result.user_microseconds.cell(2),
            result.system_microseconds.cell(2),
            format!("{:.0}", result.busy_percent.median()),
            format!("{:.0}", result.body_bytes.median()),
            thousands(result.errors),
        ]);
    }
    table
}

/// The core of the servers and this program's own, where there are two.
fn cores() -> (Option<usize>, Option<usize>) {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    if cores > 1 { (Some(0), Some(1)) } else { (None, None) }
}

fn options() -> Options {
    let mut options = Options { seconds: 2.0, rounds: 9, swarms: Swarms::default(), servers: Vec::new() };
    let mut hashes = None;
    let mut arguments = Arguments::from_environment();
    while let Some(option) = arguments.option() {
        let swarms = &mut options.swarms;
        match option.as_str() {
            "--close" => swarms.close = true,
            "--seconds" => options.seconds = arguments.value(&option),
            "--rounds" => options.rounds = arguments.value(&option),
            "--connections" => swarms.connections = arguments.value(&option),
            "--torrents" => swarms.torrents = arguments.value(&option),
            "--peers" => swarms.peers = arguments.value(&option),
            "--numwant" => swarms.num_want = arguments.value(&option),
            "--write-hashes" => hashes = Some(arguments.value::<String>(&option)),
            "--server" => options.servers.push(arguments.server()),
            _ => refuse(&format!("no option {option}")),
        }
    }
    if let Some(file) = hashes {
        let written = fs::write(&file, options.swarms.whitelist());
        written.unwrap_or_else(|error| refuse(&format!("{file}: {error}")));
    }
    options
}

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The share of a round that goes before it, for the server to have its memory at hand again.
const WARM_UP: f64 = 0.1;
