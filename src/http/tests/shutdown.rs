use std::pin::pin;

use tokio::sync::{Semaphore, mpsc};

use super::*;
use crate::clock::Now;
use crate::storage::{Answer, Batch, Totals};

/// A store that says when it has been asked, and answers once it may.
pub(super) struct Gate {
    store: MemoryStorage,
    asked: mpsc::UnboundedSender<()>,
    permits: Arc<Semaphore>,
}

impl Gate {
    /// The store, its questions, and where to add a permit for each answer.
    pub(super) fn new() -> (Arc<Self>, mpsc::UnboundedReceiver<()>, Arc<Semaphore>) {
        let (asked, asks) = mpsc::unbounded_channel();
        let permits = Arc::new(Semaphore::new(0));
        (Arc::new(Self { store: memory_storage(), asked, permits: Arc::clone(&permits) }), asks, permits)
    }
}

impl Storage for Gate {
    fn apply(&self, now: Now, batch: Batch) -> Answer {
        let Answer::Ready(batch) = self.store.apply(now, batch) else { unreachable!("memory does not wait") };
        let permits = Arc::clone(&self.permits);
        let _ = self.asked.send(());
        Answer::Pending(Box::pin(async move {
            permits.acquire().await.unwrap().forget();
            batch
        }))
    }

    fn sweep(&self, _: Now) {}

    fn totals(&self) -> Totals {
        Totals::default()
    }
}

#[tokio::test]
async fn a_store_may_answer_later() {
    let (store, mut asks, permits) = Gate::new();
    let server = Server::over(store, |_| ()).await;
    let mut client = server.connect().await;
    client.send(get(&announce(1, "")) + &get(SCRAPE)).await;
    asks.recv().await.unwrap();
    assert!(asks.try_recv().is_err(), "one request of a connection at a time");
    permits.add_permits(2);
    assert!(client.response().await.text().contains("10:incompletei1e"));
    assert_eq!(client.response().await.text(), scraped(0, 0, 1));
}

#[tokio::test]
async fn shutdown_closes_idle_connections_and_stops_listening() {
    let server = Server::start(|_| ()).await;
    let (mut fresh, mut used) = (server.connect().await, server.connect().await);
    used.ask(SCRAPE).await;
    server.until_open(2).await;
    server.shutdown.send_replace(true);
    fresh.closed().await;
    used.closed().await;
    time::timeout(PATIENCE, server.served).await.unwrap().unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
    assert_eq!(server.frontend.open_connections(), 0);
}

#[tokio::test]
async fn shutdown_lets_requests_in_flight_finish() {
    let (store, mut asks, permits) = Gate::new();
    let mut server = Server::over(store, |_| ()).await;
    let (mut idle, mut client) = (server.connect().await, server.connect().await);
    client.send(get(&announce(1, "")) + &get(SCRAPE)).await;
    asks.recv().await.unwrap();
    server.shutdown.send_replace(true);
    idle.closed().await;
    assert!(is_pending(&mut server.served).await);
    assert!(TcpStream::connect(server.address).await.is_err());
    permits.add_permits(1);
    let response = client.response().await;
    assert!(response.text().contains("10:incompletei1e"));
    assert_eq!(response.header("connection"), Some("close"));
    client.closed().await;
    time::timeout(PATIENCE, server.served).await.unwrap().unwrap();
}

/// Whether the task goes on, though it has had the opportunity to end.
async fn is_pending(task: &mut JoinHandle<()>) -> bool {
    let mut task = pin!(task);
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    std::future::poll_fn(|context| std::task::Poll::Ready(task.as_mut().poll(context).is_pending())).await
}

#[tokio::test]
async fn nobody_left_to_say_stop_means_stop() {
    let server = Server::start(|_| ()).await;
    let mut client = server.connect().await;
    client.ask(SCRAPE).await;
    drop(server.shutdown);
    client.closed().await;
    time::timeout(PATIENCE, server.served).await.unwrap().unwrap();
}
