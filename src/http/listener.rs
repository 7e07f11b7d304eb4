//! Where connections come in.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time;

use super::Frontend;
use super::connection::converse;
use super::socket::Socket;
use crate::counters::{Counter, Counters, Rejected};
use crate::sys::Listener;

/// Serves what connects to `listener` until `shutdown` holds true, or nobody is left who could say so.
///
/// Then it accepts no more, closes idle connections, has requests in flight answered and returns. Dropping it closes
/// everything at once.
pub async fn serve(
    listener: Listener,
    frontend: Arc<Frontend>,
    counters: Arc<Counters>,
    mut shutdown: watch::Receiver<bool>,
) {
    // Replies are small and whole. Connections that cannot be told so still work.
    let _ = listener.set_nodelay();
    let mut connections = JoinSet::new();
    // Each connection looks at this whenever it is polled. That takes a lock, which no other worker shall take too.
    let (stop_all, stopping) = watch::channel(false);
    let mut stop = pin!(shutdown.wait_for(|stop| *stop));
    loop {
        let (socket, source) = tokio::select! {
            _ = &mut stop => break,
            accepted = accept(&listener, &counters) => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let Ok(place) = Arc::clone(&frontend.room).try_acquire_owned() else {
            counters.count(Counter::Rejected(Rejected::MaxConnections));
            frontend.warn_full();
            continue;
        };
        counters.count(Counter::HttpConnections);
        let (frontend, counters, stopping) = (Arc::clone(&frontend), Arc::clone(&counters), stopping.clone());
        connections.spawn(async move {
            converse(Socket::Fresh(socket), source.ip(), &frontend, &counters, stopping).await;
            drop(place);
        });
    }
    drop(listener);
    stop_all.send_replace(true);
    while connections.join_next().await.is_some() {}
}

/// The next connection. Failures are counted and waited out: none of them means that the listener is broken.
async fn accept(listener: &Listener, counters: &Counters) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                counters.count(Counter::Rejected(Rejected::Accept));
                tracing::debug!(%error, "could not accept a connection");
                if !concerns_one_connection(&error) {
                    time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

/// Whether the error went with the connection it concerns, so that the next may be fine.
fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionReset)
}

/// Long enough not to spin while the process is out of file descriptors, short enough for clients not to notice.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
