use std::fs::File;
use std::process::Command;
use std::time::Instant;

use super::*;

#[tokio::test]
async fn the_limit_on_connections_is_for_all_workers_together() {
    let one = Server::start(|config| config.max_connections = 3).await;
    let two = one.beside("[::1]:0").await;
    let mut kept = vec![one.connect().await, two.connect().await, two.connect().await];
    one.until_open(3).await;
    one.connect().await.closed().await;
    two.connect().await.closed().await;
    assert_eq!(
        (
            one.count(Counter::Rejected(Rejected::MaxConnections)),
            two.count(Counter::Rejected(Rejected::MaxConnections))
        ),
        (1, 1)
    );
    assert_eq!((one.count(Counter::HttpConnections), two.count(Counter::HttpConnections)), (1, 2));
    for client in &mut kept {
        assert_eq!(client.ask(SCRAPE).await.status(), 200);
    }
    kept.pop();
    one.until_open(2).await;
    assert_eq!(one.ask(SCRAPE).await.status(), 200);
}

/// Runs [`out_of_descriptors`] in a process that may have few.
#[test]
fn running_out_of_descriptors_is_waited_out() {
    let this = std::env::current_exe().unwrap();
    let test = "http::tests::limits::out_of_descriptors";
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -n 64; exec \"$0\" \"$@\""]).arg(this).args(["--exact", test, "--ignored"]);
    let output = shell.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[tokio::test]
#[ignore = "takes all file descriptors of its process"]
async fn out_of_descriptors() {
    let server = Server::start(|_| ()).await;
    let mut taken = Vec::new();
    while taken.len() < 1_000 {
        match File::open("/dev/null") {
            Ok(file) => taken.push(file),
            Err(_) => break,
        }
    }
    assert!(taken.len() < 1_000);
    taken.pop();
    let mut client = server.connect().await;
    let start = Instant::now();
    until(|| server.count(Counter::Rejected(Rejected::Accept)) >= 3).await;
    assert!(start.elapsed() >= Duration::from_millis(150), "it spins");
    taken.clear();
    assert_eq!(client.ask(SCRAPE).await.text(), scraped(0, 0, 0));
}
