//! Asks a name server where a host's trackers are (BEP 34).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use std::{fs, io};

use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{self, Instant};

use super::table::Table;
use super::text::printable;
use crate::units::Period;
use crate::wire::dns::{NameError, Reply, Service, services, txt_query};

/// What a name server said.
#[derive(Debug)]
pub(super) struct Found {
    server: SocketAddr,
    /// The records that are about trackers.
    records: Vec<Record>,
}

#[derive(Debug)]
struct Record {
    text: String,
    services: Vec<Service>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum DnsError {
    #[error(transparent)]
    Name(#[from] NameError),
    #[error("/etc/resolv.conf names no server: {0}; name one with --server")]
    NoServer(String),
    #[error("no answer from {servers} within {waited}")]
    Silent { servers: String, waited: Period },
    #[error("there is no such name, says {0}")]
    NoSuchName(SocketAddr),
    #[error("{server} answers with code {code}{}", meaning(*code))]
    Refused { server: SocketAddr, code: u8 },
}

fn meaning(code: u8) -> &'static str {
    match code {
        2 => ", server failure",
        5 => ", refused",
        _ => "",
    }
}

/// Asks each server in turn, until one answers.
pub(super) async fn ask(name: &str, server: Option<SocketAddr>, patience: Duration) -> Result<Found, DnsError> {
    let query = txt_query(rand::random(), name)?;
    let servers = match server {
        Some(server) => vec![server],
        None => configured()?,
    };
    let deadline = Instant::now() + patience;
    let mut wait = FIRST_WAIT;
    while Instant::now() < deadline {
        for &server in &servers {
            let until = (Instant::now() + wait).min(deadline);
            match time::timeout_at(until, exchange(server, &query)).await {
                Ok(Ok(Reply::Texts(texts))) => return Ok(Found { server, records: records(&texts) }),
                Ok(Ok(Reply::NoSuchName)) => return Err(DnsError::NoSuchName(server)),
                Ok(Ok(Reply::Failed(code))) if servers.len() == 1 => return Err(DnsError::Refused { server, code }),
                // A closed port says so at once.
                Ok(_) => time::sleep_until(until.min(Instant::now() + PAUSE)).await,
                Err(_) => {}
            }
        }
        wait *= 2;
    }
    let servers: Vec<_> = servers.iter().map(SocketAddr::to_string).collect();
    Err(DnsError::Silent { servers: servers.join(", "), waited: Period(patience) })
}

/// One query, over TCP where the reply does not fit a datagram.
async fn exchange(server: SocketAddr, query: &[u8]) -> io::Result<Reply> {
    let local: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((local, 0)).await?;
    socket.connect(server).await?;
    socket.send(query).await?;
    let mut message = vec![0; LARGEST];
    loop {
        let length = socket.recv(&mut message).await?;
        match Reply::parse(&message[..length], query) {
            None => {}
            Some(Ok(Reply::Truncated)) => return over_tcp(server, query).await,
            Some(reply) => return reply.map_err(io::Error::other),
        }
    }
}

/// The same behind two bytes of length (RFC 1035, 4.2.2).
async fn over_tcp(server: SocketAddr, query: &[u8]) -> io::Result<Reply> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(query.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), query].concat()).await?;
    let mut message = vec![0; stream.read_u16().await?.into()];
    stream.read_exact(&mut message).await?;
    match Reply::parse(&message, query) {
        Some(Ok(reply)) => Ok(reply),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

fn records(texts: &[Vec<u8>]) -> Vec<Record> {
    let record = |text: &Vec<u8>| Some(Record { services: services(text)?, text: printable(text) });
    texts.iter().filter_map(record).collect()
}

/// The servers of this host, the first three as resolvers take them (resolv.conf(5)).
fn configured() -> Result<Vec<SocketAddr>, DnsError> {
    let text = fs::read_to_string("/etc/resolv.conf").map_err(|error| DnsError::NoServer(error.to_string()))?;
    let servers = name_servers(&text);
    if servers.is_empty() { Err(DnsError::NoServer("no nameserver line".into())) } else { Ok(servers) }
}

fn name_servers(text: &str) -> Vec<SocketAddr> {
    let server = |line: &str| {
        let mut words = line.split_whitespace();
        let address = words.next().filter(|word| *word == "nameserver").and(words.next())?;
        Some(SocketAddr::new(address.parse().ok()?, PORT))
    };
    text.lines().filter_map(server).take(3).collect()
}

/// Prints what was found beside the record that fits the configuration; returns whether there is one.
pub(super) fn print(
    name: &str,
    ours: &str,
    found: Result<Found, DnsError>,
    json: bool,
    out: &mut impl io::Write,
) -> io::Result<bool> {
    let success = found.as_ref().is_ok_and(|found| !found.records.is_empty());
    if json {
        serde_json::to_writer_pretty(&mut *out, &Form::new(name, ours, &found))?;
        writeln!(out)?;
    } else {
        out.write_all(table(name, ours, &found).as_bytes())?;
    }
    Ok(success)
}

fn table(name: &str, ours: &str, found: &Result<Found, DnsError>) -> String {
    let mut table = Table::below(name);
    match found {
        Err(error) => table.row("failed", error),
        Ok(found) => {
            table.row("asked", found.server);
            if found.records.is_empty() {
                table.row("record", "none about trackers: clients take announce URLs as they are");
            }
            for record in &found.records {
                table.row("record", format_args!("\"{}\"", record.text));
                if record.services.is_empty() {
                    table.row("trackers", "none: clients are told to leave this host alone");
                }
                for (position, service) in record.services.iter().enumerate() {
                    table.row(if position == 0 { "trackers" } else { "" }, shown(*service));
                }
            }
        }
    }
    table.row("to publish", format_args!("\"{ours}\", by this configuration"));
    table.written()
}

fn shown(service: Service) -> String {
    match service {
        Service::Udp(port) => format!("UDP, port {port}"),
        Service::Tcp(port) => format!("HTTP, port {port}"),
    }
}

/// The same as JSON.
#[derive(Serialize)]
struct Form<'a> {
    name: &'a str,
    server: Option<SocketAddr>,
    records: Vec<RecordForm<'a>>,
    to_publish: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Serialize)]
struct RecordForm<'a> {
    text: &'a str,
    trackers: Vec<ServiceForm>,
}

#[derive(Serialize)]
struct ServiceForm {
    transport: &'static str,
    port: u16,
}

impl<'a> Form<'a> {
    fn new(name: &'a str, to_publish: &'a str, found: &'a Result<Found, DnsError>) -> Self {
        let record = |record: &'a Record| RecordForm {
            text: &record.text,
            trackers: record.services.iter().copied().map(ServiceForm::from).collect(),
        };
        let records = found.iter().flat_map(|found| &found.records).map(record).collect();
        let server = found.as_ref().ok().map(|found| found.server);
        Self { name, server, records, to_publish, error: found.as_ref().err().map(ToString::to_string) }
    }
}

impl From<Service> for ServiceForm {
    fn from(service: Service) -> Self {
        match service {
            Service::Udp(port) => Self { transport: "udp", port },
            Service::Tcp(port) => Self { transport: "http", port },
        }
    }
}

/// Where name servers listen.
pub(super) const PORT: u16 = 53;

/// Until the next server is asked; in each further round twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// Before a server that has said no is asked again.
const PAUSE: Duration = Duration::from_millis(200);

/// Bytes of a datagram; without EDNS a server sends 512 at most, others are as good.
const LARGEST: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_read_from_resolv_conf() {
        let text = "# nameserver 192.0.2.9\nsearch example\nnameserver 192.0.2.1\nnameserver\t2001:db8::1\nnameserver x\n\
                    nameserver 192.0.2.2 # comment\nnameserver 192.0.2.3\n";
        let servers: Vec<_> = name_servers(text).iter().map(SocketAddr::to_string).collect();
        assert_eq!(servers, ["192.0.2.1:53", "[2001:db8::1]:53", "192.0.2.2:53"]);
    }
}
