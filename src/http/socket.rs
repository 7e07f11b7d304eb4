//! A connection's socket, which the runtime hears of only when it is to be waited for.
//!
//! Most clients ask as soon as they are connected, and many have the connection closed after one answer. By the time such a
//! connection is accepted its request is there, so that it is read, answered and closed without a word to epoll.

use std::io::{self, ErrorKind, Read, Write};
use std::mem;
use std::net;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A socket that does not block.
pub(super) enum Socket {
    /// Nothing has been waited for.
    Fresh(net::TcpStream),
    /// The runtime says when it is ready.
    Registered(TcpStream),
    /// The runtime would not have it.
    Lost,
}

impl Socket {
    /// Tries at once while it is fresh; `None` where there is nothing for it but to wait.
    fn attempt<T>(&self, attempt: impl FnOnce(&net::TcpStream) -> io::Result<T>) -> Option<io::Result<T>> {
        let Self::Fresh(socket) = self else { return None };
        Some(attempt(socket)).filter(|tried| !matches!(tried, Err(error) if error.kind() == ErrorKind::WouldBlock))
    }

    /// Has the runtime watch it, if it does not yet.
    fn registered(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        if let Self::Fresh(_) = self
            && let Self::Fresh(socket) = mem::replace(self, Self::Lost)
        {
            *self = Self::Registered(TcpStream::from_std(socket)?);
        }
        match self {
            Self::Registered(socket) => Ok(Pin::new(socket)),
            _ => Err(ErrorKind::NotConnected.into()),
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.attempt(|mut socket| socket.read(buffer.initialize_unfilled())) {
            Some(read) => Poll::Ready(read.map(|length| buffer.advance(length))),
            None => self.registered()?.poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.attempt(|mut socket| socket.write(bytes)) {
            Some(written) => Poll::Ready(written),
            None => self.registered()?.poll_write(cx, bytes),
        }
    }

    /// TCP keeps nothing back.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Dropping it does that.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// A fresh socket and its other end.
    fn pair() -> (Socket, net::TcpStream) {
        let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (socket, _) = listener.accept().unwrap();
        socket.set_nonblocking(true).unwrap();
        (Socket::Fresh(socket), client)
    }

    #[tokio::test]
    async fn a_request_that_has_come_is_read_and_answered_unregistered() {
        let (mut socket, mut client) = pair();
        client.write_all(b"question").unwrap();
        let mut buffer = [0; 16];
        assert_eq!(socket.read(&mut buffer).await.unwrap(), 8);
        socket.write_all(b"answer").await.unwrap();
        assert!(matches!(socket, Socket::Fresh(_)));
        assert_eq!(client.read(&mut buffer).unwrap(), 6);
        assert_eq!(&buffer[..8], b"answeron");
    }

    #[tokio::test]
    async fn one_that_has_not_is_waited_for() {
        let (mut socket, mut client) = pair();
        let mut buffer = [0; 16];
        let asked = async {
            tokio::task::yield_now().await;
            client.write_all(b"question").unwrap();
        };
        let (length, ()) = tokio::join!(socket.read(&mut buffer), asked);
        assert_eq!(length.unwrap(), 8);
        assert!(matches!(socket, Socket::Registered(_)));
        socket.write_all(b"answer").await.unwrap();
        assert_eq!(client.read(&mut buffer).unwrap(), 6);
        drop(client);
        assert_eq!(socket.read(&mut buffer).await.unwrap(), 0);
    }
}
