//! Under tokio's paused clock, which leaps to the next timer whenever all tasks wait.

use tokio::net::TcpSocket;
use tokio::time::Instant;

use super::shutdown::Gate;
use super::*;
use crate::units::Period;

/// Seconds since `start`, rounded.
fn seconds_since(start: Instant) -> f64 {
    start.elapsed().as_secs_f64().round()
}

#[tokio::test(start_paused = true)]
async fn a_connection_may_idle_for_a_while() {
    let server = Server::start(|_| ()).await;
    let mut silent = server.connect().await;
    let start = Instant::now();
    silent.closed().await;
    assert_eq!(seconds_since(start), 30.0);

    let mut client = server.connect().await;
    for _ in 0..5 {
        assert_eq!(client.ask(SCRAPE).await.status(), 200);
        time::sleep(Duration::from_secs(25)).await;
    }
    assert_eq!(client.ask(SCRAPE).await.status(), 200);
    let start = Instant::now();
    client.closed().await;
    assert_eq!(seconds_since(start), 30.0);
    assert_eq!(server.count(Counter::Rejected(Rejected::TimeOut)), 2);
}

#[tokio::test(start_paused = true)]
async fn a_head_that_trickles_has_the_time_of_a_request() {
    let server = Server::start(|_| ()).await;
    let mut client = server.connect().await;
    assert_eq!(client.ask(SCRAPE).await.status(), 200);
    time::sleep(Duration::from_secs(28)).await;
    let start = Instant::now();
    for byte in get(SCRAPE).bytes().take(100) {
        if client.socket.write_all(&[byte]).await.is_err() || server.frontend.open_connections() == 0 {
            break;
        }
        time::sleep(Duration::from_millis(500)).await;
    }
    assert!((5.0..=5.5).contains(&start.elapsed().as_secs_f64()), "{:?}", start.elapsed());
    client.closed().await;
    assert_eq!(server.count(Counter::Rejected(Rejected::TimeOut)), 1);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_slow_has_the_time_of_a_request() {
    let (store, ..) = Gate::new();
    let server = Server::over(store, |_| ()).await;
    let mut client = server.connect().await;
    time::sleep(Duration::from_secs(10)).await;
    let start = Instant::now();
    client.send(get(SCRAPE)).await;
    client.closed().await;
    assert_eq!(seconds_since(start), 5.0);
    assert_eq!(server.count(Counter::Rejected(Rejected::TimeOut)), 1);
}

/// Under the real clock, for it is the kernel's buffers that fill.
#[tokio::test]
async fn a_client_that_does_not_read_has_the_time_of_a_request() {
    let request_timeout = "200ms".parse::<Period>().unwrap();
    let frontend = Server::start(|config| config.request_timeout = request_timeout).await.frontend;
    let small = TcpSocket::new_v4().unwrap();
    small.set_send_buffer_size(4096).unwrap();
    small.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let server = Server::share(frontend, small.listen(8).unwrap());
    let small = TcpSocket::new_v4().unwrap();
    small.set_recv_buffer_size(4096).unwrap();
    let mut client = Client { socket: small.connect(server.address).await.unwrap(), received: Vec::new() };
    server.until_open(1).await;
    let start = Instant::now();
    client.send(get(SCRAPE).repeat(1_000)).await;
    server.until_open(0).await;
    assert!(start.elapsed() >= request_timeout.0);
    assert_eq!(server.count(Counter::Rejected(Rejected::TimeOut)), 1);
    assert!(server.answered(Action::Scrape) < 1_000);
}

#[tokio::test(start_paused = true)]
async fn each_pipelined_request_has_its_own_time() {
    let (store, mut asks, permits) = Gate::new();
    let server = Server::over(store, |_| ()).await;
    let mut client = server.connect().await;
    client.send(get(SCRAPE) + &get(SCRAPE)).await;
    asks.recv().await.unwrap();
    time::sleep(Duration::from_secs(4)).await;
    permits.add_permits(1);
    client.response().await;
    let start = Instant::now();
    client.closed().await;
    assert_eq!(seconds_since(start), 5.0);
}
