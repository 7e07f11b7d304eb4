//! Prometheus itself: it takes what it is given, and every query of the dashboard and of the alerts works on it.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use proto_tests::process::Process;
use proto_tests::tracker::Tracker;
use proto_tests::wait_for;
use serde_json::Value;
use tempfile::TempDir;
use tracker_client::{Announce, Event, Family, http, udp};

use super::{CONFIG, LOCALHOST, PATIENCE, get};

/// Debian's, scraping one tracker every second.
struct Prometheus {
    _process: Process,
    address: SocketAddr,
    _directory: TempDir,
}

impl Prometheus {
    fn start(target: SocketAddr) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = format!(
            "global: {{scrape_interval: 1s}}\nscrape_configs: [{{job_name: chihaya, static_configs: [{{targets: [\"{target}\"]}}]}}]\n"
        );
        let file = directory.path().join("prometheus.yml");
        fs::write(&file, config).unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = Command::new("prometheus");
        command.arg("--config.file").arg(file).arg("--storage.tsdb.path").arg(directory.path().join("data"));
        command.arg(format!("--web.listen-address={address}"));
        Self { _process: Process::start(&mut command), address, _directory: directory }
    }

    /// The values that a query has now.
    fn query(&self, query: &str) -> Result<Vec<Value>, String> {
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let mut socket = TcpStream::connect(self.address).map_err(|error| error.to_string())?;
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        // Of the older version, it answers in one piece.
        let request = format!("GET /api/v1/query?query={encoded} HTTP/1.0\r\n\r\n");
        let mut response = String::new();
        socket.write_all(request.as_bytes()).and_then(|()| socket.read_to_string(&mut response)).unwrap();
        let (_, body) = response.split_once("\r\n\r\n").ok_or("no body")?;
        let answer: Value = serde_json::from_str(body).map_err(|_| format!("not ready: {body}"))?;
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        Ok(answer["data"]["result"].as_array().unwrap().clone())
    }
}

#[test]
fn every_query_of_the_dashboard_and_the_alerts_works() {
    let tracker = Tracker::start(CONFIG);
    let prometheus = Prometheus::start(tracker.admin());
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                load(&tracker);
            }
        });
        let end = End(&over);
        for query in dashboard() {
            wait_for(&query, PATIENCE, || match prometheus.query(&query)?.as_slice() {
                [] => Err("it has no data".to_owned()),
                data if data.iter().all(|point| point["value"][1] == "NaN") => Err("it has no number".to_owned()),
                _ => Ok(()),
            });
        }
        for query in alerts() {
            let alerting = prometheus.query(&query).unwrap();
            assert!(alerting.is_empty(), "{query} alerts of a tracker that is well: {alerting:?}");
        }
        drop(end);
    });
    // What an alert looks at is there, though it has nothing to say.
    let known = get(tracker.admin(), "/metrics");
    for query in alerts().iter().chain(&dashboard()) {
        let names = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let names = names.filter(|word| ["chihaya_", "process_"].iter().any(|prefix| word.starts_with(prefix)));
        for name in names {
            assert!(known.contains(&format!("\n{name}")), "{query}: no {name}");
        }
    }
}

/// Ends the load, however the test does.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A few clients come, over everything there is.
pub(super) fn load(tracker: &Tracker) {
    for (family, local) in [Family::V4, Family::V6].into_iter().zip(LOCALHOST) {
        let mut udp = udp::Client::new(local, tracker.udp(family), PATIENCE).unwrap();
        let mut http = http::Client::new(local, tracker.http(family), PATIENCE);
        for port in 1..50 {
            udp.announce(&Announce::new([1; 20], port)).unwrap();
            udp.announce(&Announce::new([1; 20], port).left(0).event(Event::Completed)).unwrap();
            http.announce("/announce", &Announce::new([2; 20], port)).unwrap();
            udp.announce(&Announce::new([1; 20], port).event(Event::Stopped)).unwrap();
        }
        udp.announce(&Announce::new([1; 20], 1)).unwrap();
        udp.scrape(&[[1; 20]]).unwrap();
        http.scrape("/scrape", &[[1; 20]]).unwrap();
        http.get("/favicon.ico").unwrap();
    }
}

/// The queries of the dashboard, as Grafana would ask them.
fn dashboard() -> BTreeSet<String> {
    let text = fs::read_to_string(packaging("grafana/chihaya.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let queries: BTreeSet<_> = targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect();
    assert!(queries.len() > 20, "{queries:?}");
    queries.iter().map(|query| query.replace("$instance", ".*").replace("$__rate_interval", "10s")).collect()
}

/// The expressions of the alerts, from what promtool makes of the file; their times shorter than a test.
fn alerts() -> BTreeSet<String> {
    let text = fs::read_to_string(packaging("prometheus/chihaya.rules.yml")).unwrap();
    let mut expressions = BTreeSet::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(expression) = line.trim().strip_prefix("expr: ") else { continue };
        let mut whole = if expression == ">-" { String::new() } else { expression.to_owned() };
        // A folded text goes on where lines are indented further.
        while let Some(more) = lines.next_if(|next| next.starts_with("          ") && !next.contains("annotations")) {
            whole = format!("{whole} {}", more.trim());
        }
        expressions.insert(whole.trim().replace("[5m]", "[10s]"));
    }
    assert_eq!(expressions.len(), text.matches("- alert:").count());
    expressions
}

fn packaging(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging").join(file)
}

#[test]
fn promtool_finds_nothing_wrong() {
    let tracker = Tracker::start(CONFIG);
    load(&tracker);
    let text = get(tracker.admin(), "/metrics");
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}\n{text}");
    let mut rules = Command::new("promtool");
    let output = rules.args(["check", "rules"]).arg(packaging("prometheus/chihaya.rules.yml")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
