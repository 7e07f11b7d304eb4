//! The status page in Chromium: what it shows, with scripts and without, what it asks for, and what it looks like.
//!
//! Screenshots are left in `target/screenshots`, for people to look at.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use proto_tests::namespace::Namespace;
use proto_tests::process::Process;
use proto_tests::tracker::Tracker;
use serde_json::Value;

use super::prometheus::load;
use super::{CONFIG, PATIENCE, ask, get};

/// What a browser has seen of a page.
struct Seen {
    /// The document, once its script has run.
    document: String,
    /// All that was said on the console, but by pages of the browser itself.
    console: Vec<String>,
    /// What the page itself has asked for.
    requests: Vec<String>,
}

/// Loads a page, and has the script's clock run on for some seconds, if scripts may run.
fn browse(url: &str, scripts: bool, more: &[&str]) -> Seen {
    let directory = tempfile::tempdir().unwrap();
    let preferences = directory.path().join("Default/Preferences");
    fs::create_dir(preferences.parent().unwrap()).unwrap();
    let javascript = if scripts { 1 } else { 2 };
    let setting = format!("{{\"profile\":{{\"default_content_setting_values\":{{\"javascript\":{javascript}}}}}}}");
    fs::write(preferences, setting).unwrap();
    let log = directory.path().join("requests.json");
    let mut chromium = Command::new("chromium");
    chromium.args(["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"]);
    chromium.args(["--disable-background-networking", "--disable-component-update", "--enable-logging=stderr"]);
    // It would ask its maker for this and that.
    chromium.arg("--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1");
    chromium.arg(format!("--user-data-dir={}", directory.path().display()));
    chromium.arg(format!("--log-net-log={}", log.display())).arg("--virtual-time-budget=12000");
    let mut process = Process::start(chromium.args(more).args(["--dump-dom", url]));
    let status = process.wait(PATIENCE);
    assert!(status.success(), "{status}");
    let (document, console) =
        process.log().lines().map(str::to_owned).partition::<Vec<_>, _>(|line| !line.starts_with('['));
    let log: Value = serde_json::from_str(&fs::read_to_string(log).unwrap()).unwrap();
    let origin = url.split('/').take(3).collect::<Vec<_>>().join("/");
    let parameters = log["events"].as_array().unwrap().iter().map(|event| &event["params"]);
    let of_the_page = parameters.filter(|parameters| parameters["initiator"].as_str() == Some(&origin));
    let requests = of_the_page.filter_map(|parameters| parameters["url"].as_str().map(str::to_owned)).collect();
    let console =
        console.into_iter().filter(|line| line.contains("CONSOLE") && !line.contains("source: chrome://")).collect();
    Seen { document: document.join("\n"), console, requests }
}

/// Every value that has a place of its own, by its place.
fn shown<'a>(document: &'a str, place: &str) -> &'a str {
    let (_, after) = document.split_once(&format!("data-k=\"{place}\">")).unwrap_or_else(|| panic!("no {place}"));
    after.split('<').next().unwrap()
}

fn config() -> String {
    format!("{CONFIG}http.status_path = \"/status\"\nserver.contact = \"<https://tracker.example/?a&b>\"\n")
}

#[test]
fn a_browser_shows_the_page_and_asks_for_nothing_but_its_numbers() {
    let namespace = Namespace::new("page");
    namespace.run(|| {
        let tracker = Tracker::start(&config());
        let public = tracker.http_url().replace("/announce", "/status");
        for (url, numbers) in
            [(format!("http://{}/", tracker.admin()), "/stats.json"), (public.clone(), "/status.json")]
        {
            load(&tracker);
            let seen = browse(&url, true, &[]);
            assert_eq!(seen.console, [""; 0], "{url}");
            let origin = url.split('/').take(3).collect::<Vec<_>>().join("/");
            assert!(seen.requests.len() >= 2, "it is live: {:?}", seen.requests);
            assert!(
                seen.requests.iter().all(|request| *request == format!("{origin}{numbers}")),
                "{:?}",
                seen.requests
            );
            // The script has run: it alone shows the buttons.
            assert!(seen.document.contains("<button>Copy</button>"), "{}", seen.document);
            assert_eq!((shown(&seen.document, "torrents"), shown(&seen.document, "leechers4")), ("2", "50"));
            assert!(seen.document.contains("Contact: &lt;https://tracker.example/?a&amp;b&gt;"), "{}", seen.document);
        }
        let file = screenshots().join("without-scripts.png");
        let screenshot = format!("--screenshot={}", file.display());
        let without = browse(&public, false, &[&screenshot]);
        assert_eq!((without.console, without.requests), (Vec::new(), Vec::new()));
        assert!(fs::metadata(&file).unwrap().len() > 10_000);
        let document = without.document;
        assert!(document.contains("<button hidden=\"\">Copy</button>"), "no script has run: {document}");
        assert_eq!((shown(&document, "torrents"), shown(&document, "seeders6")), ("2", "0"));
        for url in tracker.urls() {
            assert!(document.contains(&format!("value=\"{url}\"")), "{url}");
        }
    });
}

#[test]
fn the_page_is_small_and_may_load_nothing_else() {
    let tracker = Tracker::start(&config());
    let (head, body) = ask(tracker.admin(), "GET / HTTP/1.1\r\nHost: admin\r\n\r\n");
    assert!(body.len() < 20_000, "{} bytes", body.len());
    assert!(head.contains("content-security-policy: default-src 'none'; connect-src 'self'; "), "{head}");
    assert!(!["unsafe", "http:", "https:", "*"].iter().any(|word| head.contains(word)), "{head}");
    assert!(!body.contains("{{") && !body.contains("src="), "{body}");
}

#[test]
fn who_asks_whether_it_is_alive_and_ready_is_told() {
    let tracker = Tracker::start(CONFIG);
    assert_eq!(get(tracker.admin(), "/health"), "alive\n");
    assert_eq!(get(tracker.admin(), "/ready"), "ready\n");
    let stats: Value = serde_json::from_str(&get(tracker.admin(), "/stats.json")).unwrap();
    assert_eq!((&stats["degraded"], &stats["torrents"]), (&Value::from(false), &Value::from(0)));
    // Nothing of it is public unless that is configured.
    let (head, _) =
        ask(tracker.http(tracker_client::Family::V4), "GET /status HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 404 "), "{head}");
}

/// Desktop and phone, light and dark, empty and busy.
#[test]
fn screenshots_are_taken() {
    let namespace = Namespace::new("screenshots");
    namespace.run(|| {
        let tracker = Tracker::start(&config());
        let url = format!("http://{}/", tracker.admin());
        for state in ["empty", "busy"] {
            if state == "busy" {
                load(&tracker);
            }
            for (device, size) in [("desktop", "1280,1300"), ("phone", "500,1900")] {
                for (scheme, number) in [("dark", 0), ("light", 1)] {
                    let file = screenshots().join(format!("{device}-{scheme}-{state}.png"));
                    let screenshot = format!("--screenshot={}", file.display());
                    let scheme = format!("--blink-settings=preferredColorScheme={number}");
                    browse(&url, true, &[&screenshot, &format!("--window-size={size}"), &scheme]);
                    assert!(fs::metadata(&file).unwrap().len() > 10_000, "{}", file.display());
                }
            }
        }
    });
}

fn screenshots() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/screenshots");
    fs::create_dir_all(&folder).unwrap();
    folder
}
