//! What a client is told, until all of it has gone out.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A socket that takes all it is given, and keeps what the kernel has no room for until it is flushed.
///
/// Where a connection ends in junk, hyper 1.12 forgets what it has not written yet: after a request with a body, or once an
/// upgrade was asked for. So it never has anything left to write. It takes no request before the response to the last has
/// been flushed, hence no more than that is kept here.
pub(super) struct Outbox<Socket> {
    socket: Socket,
    unsent: BytesMut,
}

impl<Socket> Outbox<Socket> {
    /// Of a connection on which nothing has been said.
    pub(super) fn new(socket: Socket) -> Self {
        Self { socket, unsent: BytesMut::new() }
    }
}

impl<Socket: AsyncRead + Unpin> AsyncRead for Outbox<Socket> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}

impl<Socket: AsyncWrite + Unpin> AsyncWrite for Outbox<Socket> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let sent = match self.unsent.is_empty().then(|| Pin::new(&mut self.socket).poll_write(cx, bytes)) {
            Some(Poll::Ready(sent)) => sent?,
            Some(Poll::Pending) | None => 0,
        };
        self.unsent.extend_from_slice(&bytes[sent..]);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { socket, unsent } = &mut *self;
        while !unsent.is_empty() {
            match ready!(Pin::new(&mut *socket).poll_write(cx, unsent))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                sent => unsent.advance(sent),
            }
        }
        Pin::new(socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_flush(cx))?;
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
