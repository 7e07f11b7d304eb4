mod problems;

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::log::{Format, Level};
use crate::storage::memory::MemoryDriver;
use crate::storage::{Driver, Environment, SettingsError, Storage as Store, StorageError};
use crate::units::{Period, Size};

/// A configuration file that lasts as long as this value.
struct File {
    _directory: TempDir,
    path: PathBuf,
}

impl File {
    fn new(text: impl AsRef<[u8]>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("chihaya.toml");
        fs::write(&path, text).unwrap();
        Self { _directory: directory, path }
    }
}

fn variables(set: &[(&str, &str)]) -> impl Iterator<Item = (String, String)> {
    set.iter().map(|(name, value)| (String::from(*name), String::from(*value))).collect::<Vec<_>>().into_iter()
}

fn load(text: &str, set: &[(&str, &str)]) -> Result<Config, String> {
    let file = File::new(text);
    let directory = format!("{}/", file.path.parent().unwrap().display());
    Config::load(Some(&file.path), variables(set), &Drivers::builtin())
        .map_err(|problem| problem.to_string().replace(&directory, ""))
}

/// What is said about a file.
fn problem(text: &str) -> String {
    load(text, &[]).expect_err(text)
}

/// What is said about one variable, without a file.
fn problem_of(name: &str, value: &str) -> String {
    Config::load(None, variables(&[(name, value)]), &Drivers::builtin()).expect_err(value).to_string()
}

fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[test]
fn nothing_given_is_the_defaults() {
    assert_eq!(Config::load(None, variables(&[]), &Drivers::builtin()), Ok(Config::default()));
    assert_eq!(load("", &[]), Ok(Config::default()));
    assert_eq!(load("[udp]\n[storage.memory]\n", &[]), Ok(Config::default()));
}

#[test]
fn the_file_in_the_repository_explains_every_key_at_its_default() {
    let text = include_str!("../../../chihaya.toml");
    assert_eq!(load(text, &[]), Ok(Config::default()));
    let written: toml::Table = text.parse().unwrap();
    assert_eq!(written, toml::Table::try_from(Config::default()).unwrap());
    let lines: Vec<_> = text.lines().collect();
    for pair in lines.windows(2).filter(|pair| pair[1].contains(" = ") && !pair[1].starts_with('#')) {
        assert!(pair[0].starts_with('#'), "no comment above {}", pair[1]);
    }
}

#[test]
fn the_file_overrides_the_defaults_and_the_environment_the_file() {
    let file = "[tracker]\nannounce_interval = \"20m\"\npeer_lifetime = \"40m\"\n";
    let config = load(file, &[("CHIHAYA__TRACKER__PEER_LIFETIME", "1h")]).unwrap();
    let tracker = tracker::Config {
        announce_interval: Period::minutes(20),
        peer_lifetime: Period::minutes(60),
        ..tracker::Config::default()
    };
    assert_eq!(config, Config { tracker, ..Config::default() });
}

#[test]
fn a_variable_is_toml_or_a_bare_text() {
    let set = [
        ("CHIHAYA__SERVER__WORKERS", "3"),
        ("CHIHAYA__SERVER__PUBLIC_HOST", "1234"),
        ("CHIHAYA__TRACKER__INTERVAL_JITTER", "0"),
        ("CHIHAYA__TRACKER__PEER_LIFETIME", "\"2h\""),
        ("CHIHAYA__TRACKER__STORE_PRIVATE_ADDRESSES", "false"),
        ("CHIHAYA__UDP__LISTEN", "127.0.0.1:1, [::1]:2"),
        ("CHIHAYA__UDP__RECEIVE_BUFFER", "1MiB"),
        ("CHIHAYA__HTTP__LISTEN", "[\"127.0.0.1:3\"]"),
        ("CHIHAYA__STORAGE__MEMORY__SHARDS", "16"),
        ("CHIHAYA__LOG__LEVEL", "debug"),
        ("chihaya__log__format", "json"),
        ("CHIHAYA_PORT", "tcp://10.0.0.1:6969"),
    ];
    let config = load("", &set).unwrap();
    let expected = Config::default();
    assert_eq!(config.server, Server { workers: 3, public_host: "1234".into(), ..Server::default() });
    assert_eq!((config.tracker.interval_jitter, config.tracker.peer_lifetime), (0.0, Period::minutes(120)));
    assert!(!config.tracker.store_private_addresses);
    assert_eq!(config.udp.listen, addresses(&["127.0.0.1:1", "[::1]:2"]));
    assert_eq!(config.udp.receive_buffer, Size::mebibytes(1));
    assert_eq!(config.http, http::Config { listen: addresses(&["127.0.0.1:3"]), ..expected.http });
    let shards = toml::Table::from_iter([("shards".into(), 16.into())]);
    assert_eq!(config.storage.settings().0, MemoryDriver.defaults().into_iter().chain(shards).collect());
    assert_eq!(config.log, Log { level: Level::Debug, format: Format::Text });
}

#[test]
fn an_empty_variable_is_an_empty_list_or_text() {
    let config = load("", &[("CHIHAYA__UDP__LISTEN", ""), ("CHIHAYA__SERVER__PUBLIC_HOST", "")]).unwrap();
    assert_eq!((config.udp.listen.len(), config.server.public_host), (0, String::new()));
    let config = load("", &[("CHIHAYA__HTTP__LISTEN", "[]")]).unwrap();
    assert_eq!(config.http.listen.len(), 0);
    let config = load("", &[("CHIHAYA__HTTP__TRUSTED_PROXIES", "10.0.0.0/8,fd00::/8,192.0.2.7")]).unwrap();
    assert_eq!(
        config.http.trusted_proxies,
        ["10.0.0.0/8", "fd00::/8", "192.0.2.7/32"].map(|network| network.parse().unwrap())
    );
}

/// A driver that needs a list of hosts.
struct Remote;

impl Driver for Remote {
    fn name(&self) -> &'static str {
        "remote"
    }

    fn defaults(&self) -> toml::Table {
        "hosts = [\"a\"]\nnested = { retries = 3 }".parse().unwrap()
    }

    fn check(&self, settings: &Settings) -> Result<(), SettingsError> {
        match settings.0["hosts"].as_array() {
            Some(hosts) if hosts.is_empty() => Err(SettingsError { key: "hosts".into(), message: "name one".into() }),
            _ => Ok(()),
        }
    }

    fn open(&self, _: &Settings, _: Environment) -> Result<std::sync::Arc<dyn Store>, StorageError> {
        Err(StorageError::Unavailable("never opened".into()))
    }
}

#[test]
fn the_table_of_another_driver_is_read_by_its_defaults_and_checked_if_it_is_in_use() {
    let drivers = Drivers::builtin().with(Remote);
    let load =
        |set: &[(&str, &str)]| Config::load(None, variables(set), &drivers).map_err(|problem| problem.to_string());
    let set = [
        ("CHIHAYA__STORAGE__DRIVER", "remote"),
        ("CHIHAYA__STORAGE__REMOTE__HOSTS", "b,c"),
        ("CHIHAYA__STORAGE__REMOTE__NESTED__RETRIES", "5"),
    ];
    let settings = load(&set).unwrap().storage.settings();
    assert_eq!(settings.0, "hosts = [\"b\", \"c\"]\nnested = { retries = 5 }".parse().unwrap());
    assert_eq!(load(&[]).unwrap().storage.settings().0, MemoryDriver.defaults());
    let unused = [("CHIHAYA__STORAGE__REMOTE__HOSTS", "")];
    assert!(load(&unused).is_ok());
    assert_eq!(
        load(&[unused[0], set[0]]),
        Err("CHIHAYA__STORAGE__REMOTE__HOSTS: storage.remote.hosts: name one".into())
    );
    assert_eq!(
        load(&[("CHIHAYA__STORAGE__REMOTE__NESTED__RETRY", "5")]).unwrap_err(),
        "CHIHAYA__STORAGE__REMOTE__NESTED__RETRY: storage.remote.nested.retry: no such key; did you mean \
         \"storage.remote.nested.retries\"?"
    );
    let written = Config { storage: load(&set).unwrap().storage, ..Config::default() };
    let file = File::new(written.to_toml());
    assert_eq!(Config::load(Some(&file.path), variables(&[]), &drivers), Ok(written));
}

#[test]
fn the_defaults_are_written_table_by_table() {
    let text = Config::default().to_toml();
    let tables: Vec<_> = text.lines().filter(|line| line.starts_with('[')).collect();
    let storage = ["[storage]", "[storage.memory]", "[storage.redis]"];
    assert_eq!(
        tables,
        [["[server]", "[tracker]", "[udp]", "[http]"].as_slice(), &storage, &["[limits]", "[admin]", "[log]"]].concat()
    );
}

proptest! {
    #[test]
    fn what_is_written_loads_as_the_same(
        workers in 0..=1024_usize,
        host in "[a-z0-9.-]{0,20}",
        interval_seconds in 1_800..100_000_u64,
        jitter in 0.0..=0.5,
        lifetime_milliseconds in 150_000_000..1_000_000_000_u64,
        max_numwant in 50..=200_u32,
        private in any::<bool>(),
        listen in prop::collection::hash_map(any::<u16>(), any::<std::net::IpAddr>(), 1..5),
        buffer in 1..=1_usize << 30,
        header in "[a-z][a-z0-9-]{0,20}",
        proxy in any::<std::net::IpAddr>(),
        shards in 0..=65_536_i64,
    ) {
        let mut config = Config { server: Server { workers, public_host: host, ..Server::default() }, ..Config::default() };
        config.tracker.announce_interval = Period::seconds(interval_seconds);
        config.tracker.interval_jitter = jitter;
        config.tracker.peer_lifetime = Period(std::time::Duration::from_millis(lifetime_milliseconds));
        config.tracker.max_numwant = max_numwant;
        config.tracker.store_private_addresses = private;
        config.udp.listen = listen.iter().map(|(port, address)| (address.to_canonical(), *port).into()).collect();
        config.udp.receive_buffer = Size(buffer);
        config.http.real_ip_header = header;
        config.http.trusted_proxies = vec![proxy.to_canonical().into()];
        config.storage.tables.get_mut("memory").unwrap().insert("shards".into(), shards.into());
        config.log = Log { level: Level::Trace, format: Format::Json };
        prop_assert_eq!(load(&config.to_toml(), &[]), Ok(config));
    }
}
