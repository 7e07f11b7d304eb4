//! How long a connection is waited for.
//!
//! Two clocks are kept. Between requests a client may idle. Once the first byte of a request has come, the rest of it, the
//! store's answer and the client's reading of the reply must be done in time, however slowly each trickles.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{self, Instant};

/// The two waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// From a request's first byte until its answer has been written.
    pub(super) request: Duration,
    /// From one answer to the next request's first byte.
    pub(super) idle: Duration,
}

/// Where a connection stands, and since when. One task uses it, in turns.
pub(super) struct Patience {
    limits: Limits,
    stage: Mutex<Stage>,
}

#[derive(Clone, Copy)]
enum Stage {
    /// Nothing has come since then.
    Idle(Instant),
    /// A request began to arrive then, and has no answer yet.
    Asking(Instant),
    /// It has one, which is not all written.
    Answering(Instant),
}

impl Patience {
    /// A connection that begins now.
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, stage: Mutex::new(Stage::Idle(Instant::now())) }
    }

    /// Bytes have come, or a request that had come behind another.
    pub(super) fn asked(&self) {
        let mut stage = self.stage.lock();
        if let Stage::Idle(_) = *stage {
            *stage = Stage::Asking(Instant::now());
        }
    }

    /// The request has its answer.
    pub(super) fn answered(&self) {
        let mut stage = self.stage.lock();
        if let Stage::Asking(since) = *stage {
            *stage = Stage::Answering(since);
        }
    }

    /// All there was to write has been written.
    fn flushed(&self) {
        let mut stage = self.stage.lock();
        if let Stage::Answering(_) = *stage {
            *stage = Stage::Idle(Instant::now());
        }
    }

    /// Resolves when the client has had its time.
    ///
    /// Polled whenever the connection's task is, so it sees each change of stage. The timer is touched only where a deadline
    /// comes nearer than it is set to; a request that is answered at once costs none.
    pub(super) async fn run_out(&self) {
        let mut timer = pin!(time::sleep_until(self.deadline()));
        let expire = |context: &mut Context<'_>| loop {
            let deadline = self.deadline();
            if deadline < timer.deadline() {
                timer.as_mut().reset(deadline);
            }
            ready!(timer.as_mut().poll(context));
            if deadline <= timer.deadline() {
                return Poll::Ready(());
            }
            timer.as_mut().reset(deadline);
        };
        poll_fn(expire).await;
    }

    fn deadline(&self) -> Instant {
        match *self.stage.lock() {
            Stage::Idle(since) => since + self.limits.idle,
            Stage::Asking(since) | Stage::Answering(since) => since + self.limits.request,
        }
    }
}

/// A socket that tells [`Patience`] that something passes through it, and others how much.
///
/// It takes bytes from one place only. So hyper puts a reply's head and body into one, which costs less than a vectored
/// write of two.
pub(super) struct Watched<'a, Socket, Passed> {
    pub(super) socket: Socket,
    pub(super) patience: &'a Patience,
    /// Is told whether bytes were sent or received, and how many.
    pub(super) passed: Passed,
}

impl<Socket: AsyncRead + Unpin, Passed: Fn(bool, usize) + Unpin> AsyncRead for Watched<'_, Socket, Passed> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.socket).poll_read(cx, buffer);
        let received = buffer.filled().len() - before;
        if received > 0 {
            (self.passed)(false, received);
            self.patience.asked();
        }
        polled
    }
}

impl<Socket: AsyncWrite + Unpin, Passed: Fn(bool, usize) + Unpin> AsyncWrite for Watched<'_, Socket, Passed> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.socket).poll_write(cx, bytes);
        if let Poll::Ready(Ok(sent)) = polled {
            (self.passed)(true, sent);
        }
        polled
    }

    /// hyper flushes once it has handed over every byte of an answer, not before.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.socket).poll_flush(cx))?;
        self.patience.flushed();
        Poll::Ready(Ok(()))
    }

    /// Nothing: hyper is at its end, and closing the socket tells the client.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
