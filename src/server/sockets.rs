//! One socket of every address for every worker.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};
use tracing::warn;

use super::StartError;
use crate::config::Config;
use crate::{admin, sys, udp};

/// The sockets of one worker.
#[derive(Default)]
pub(super) struct WorkerSockets {
    pub(super) udp: Vec<UdpSocket>,
    pub(super) http: Vec<TcpListener>,
}

/// The addresses that are served, with the ports the system chose where none was given.
#[derive(Default)]
pub(super) struct Bound {
    pub(super) udp: Vec<SocketAddr>,
    pub(super) http: Vec<SocketAddr>,
    /// Whom operators ask.
    pub(super) admin: Vec<TcpListener>,
    /// The UDP sockets of all workers once more, by their address, to see what the kernel says of them.
    pub(super) watched: Vec<admin::Watched>,
}

/// Binds every configured address once for each worker.
///
/// # Errors
///
/// When an address is in use or not to be had. A wildcard of a family that the host does not speak is left out.
pub(super) fn bind(config: &Config, workers: usize) -> Result<(Vec<WorkerSockets>, Bound), StartError> {
    make_room(config, workers);
    let mut sockets: Vec<_> = (0..workers).map(|_| WorkerSockets::default()).collect();
    let mut bound = Bound::default();
    for &address in &config.udp.listen {
        let bind = |address| udp::bind(address, config.udp.receive_buffer);
        let Some((shared, group)) = group("udp.listen", address, Type::DGRAM, workers, bind)? else { continue };
        if bound.udp.is_empty() {
            udp::warn_of_small_buffer(&group[0], config.udp.receive_buffer);
        }
        bound.udp.push(shared);
        let watched = group.iter().map(UdpSocket::try_clone).collect::<io::Result<_>>();
        let sockets_of_all = watched.map_err(|error| failure("udp.listen", shared, error))?;
        bound.watched.push(admin::Watched { address: shared, sockets: sockets_of_all });
        sockets.iter_mut().zip(group).for_each(|(worker, socket)| worker.udp.push(socket));
    }
    for &address in &config.http.listen {
        let Some((shared, group)) = group("http.listen", address, Type::STREAM, workers, bind_tcp)? else { continue };
        bound.http.push(shared);
        sockets.iter_mut().zip(group).for_each(|(worker, listener)| worker.http.push(listener));
    }
    for &address in &config.admin.listen {
        let listeners = group("admin.listen", address, Type::STREAM, 1, bind_tcp)?;
        bound.admin.extend(listeners.into_iter().flat_map(|(_, listeners)| listeners));
    }
    if bound.udp.is_empty() && bound.http.is_empty() {
        return Err(StartError::NothingBound);
    }
    Ok((sockets, bound))
}

/// Has the system allow as many open files as all connections and sockets may need, and says if it will not.
fn make_room(config: &Config, workers: usize) {
    if config.http.listen.is_empty() {
        return;
    }
    let (connections, wanted) = (config.http.max_connections, open_files(config, workers));
    // Where not even that can be asked, connections will be refused as they come, and counted.
    let granted = sys::raise_open_files(wanted).unwrap_or(wanted);
    if granted < wanted {
        warn!(
            "http.max_connections: {connections} and all sockets need {wanted} open files, the system allows {granted}; \
             raise its limit (ulimit -n {wanted}, or LimitNOFILE= of the service), or lower this one"
        );
    }
}

/// Files that all connections and sockets of so many workers may need.
pub(crate) fn open_files(config: &Config, workers: usize) -> u64 {
    let sockets = workers * (2 * config.udp.listen.len() + config.http.listen.len() + FILES_PER_WORKER);
    (config.http.max_connections + sockets + FILES_BESIDE) as u64
}

/// Binds one address for all workers; also returns it with the port that was given.
fn group<S>(
    key: &'static str,
    address: SocketAddr,
    kind: Type,
    workers: usize,
    bind: impl Fn(SocketAddr) -> io::Result<S>,
) -> Result<Option<(SocketAddr, Vec<S>)>, StartError> {
    let shared = match probe(address, kind) {
        Ok(shared) => shared,
        Err(error) if address.ip().is_unspecified() && is_missing_family(&error) => {
            warn!("{key}: not listening on {address}: this host has no such addresses");
            return Ok(None);
        }
        Err(error) => return Err(failure(key, address, error)),
    };
    let group = (0..workers).map(|_| bind(shared).map_err(|error| failure(key, shared, error)));
    Ok(Some((shared, group.collect::<Result<_, _>>()?)))
}

/// Fails where another process has the address. `SO_REUSEPORT` alone would let us in, and halve its traffic in silence.
///
/// Returns the address with the port the system chose, if it was to choose: asked by a socket that shares its port, it may
/// choose one that another process shares.
fn probe(address: SocketAddr, kind: Type) -> io::Result<SocketAddr> {
    let socket = Socket::new(Domain::for_address(address), kind, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if kind == Type::STREAM {
        // Connections of the process before this one may linger; they are no listeners.
        socket.set_reuse_address(true)?;
    }
    socket.bind(&address.into())?;
    if kind == Type::STREAM {
        socket.listen(1)?;
    }
    socket.local_addr()?.as_socket().ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
}

fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn is_missing_family(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EAFNOSUPPORT)) || error.kind() == io::ErrorKind::AddrNotAvailable
}

fn failure(key: &'static str, address: SocketAddr, error: io::Error) -> StartError {
    let remedy = match error.kind() {
        _ if matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE)) => {
            "lower server.workers, or raise the limit of open files (ulimit -n)"
        }
        io::ErrorKind::AddrInUse => "stop the program that uses it, or choose another port",
        io::ErrorKind::AddrNotAvailable => "choose an address of this host, or 0.0.0.0 or [::] for all of them",
        io::ErrorKind::PermissionDenied => "choose a port from 1024 up, or grant CAP_NET_BIND_SERVICE",
        _ => "choose another address",
    };
    StartError::Bind { key, address, error, remedy }
}

/// A runtime's own: epoll, its way to be woken, and room for more.
const FILES_PER_WORKER: usize = 8;

/// The standard streams, signals, a store's files, operators' connections.
const FILES_BESIDE: usize = 96;

/// Connections the kernel completes ahead of the worker.
pub(crate) const BACKLOG: i32 = 1_024;
