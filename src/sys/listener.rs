//! Accepting TCP connections without having the runtime watch them.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A listener that the runtime watches. What it accepts, it does not.
pub struct Listener(AsyncFd<TcpListener>);

impl Listener {
    /// Has the runtime watch a listener that does not block.
    ///
    /// # Errors
    ///
    /// When the system cannot watch another descriptor.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    pub fn new(listener: TcpListener) -> io::Result<Self> {
        // SAFETY: the listener owns its descriptor and keeps it open as long as it lives. Here it lives as long as the
        // `AsyncFd`, which nobody else can reach, so that it is never another one.
        let registered = unsafe { AsyncFd::register_with_interest(listener, Interest::READABLE) };
        Ok(Self(registered?))
    }

    /// The next connection, which does not block.
    ///
    /// # Errors
    ///
    /// Those of accept(2), which need not concern the connection after it.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (socket, source) = self.0.async_io(Interest::READABLE, TcpListener::accept).await?;
        socket.set_nonblocking(true)?;
        Ok((socket, source))
    }

    /// Has all that is accepted send small writes at once (TCP_NODELAY), as it inherits that.
    ///
    /// # Errors
    ///
    /// When the system knows no such thing.
    pub fn set_nodelay(&self) -> io::Result<()> {
        socket2::SockRef::from(self.0.get_ref()).set_tcp_nodelay(true)
    }
}
