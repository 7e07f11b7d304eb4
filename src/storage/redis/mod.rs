//! Swarms in a Redis server or a Redis Cluster (Valkey speaks the same), shared by all trackers that use it.
//!
//! # What is kept
//!
//! ```text
//! chihaya:{<info hash in hexadecimal>}:v4           a sorted set: the IPv4 peers, by role, then by when they expire
//! chihaya:{<info hash in hexadecimal>}:v6           the same of the IPv6 peers
//! chihaya:{<info hash in hexadecimal>}:completed    a number, once there is one
//! ```
//!
//! A swarm's key expires with its last peer, the number a lifetime later. So there is nothing to sweep, no list of torrents,
//! and no count of them all that could drift: what is forgotten is forgotten by the server, and its clock alone tells when.
//!
//! # What an announce costs
//!
//! One call of a script, `announce.lua`: the change, the
//! counts, the choice of peers and the completed count in one moment. All calls of a batch go out together and come back
//! together. Only the chosen peers travel, never the swarm.
//!
//! - Peers are chosen in a few runs of neighbours, in the order in which they expire: a set has its members by rank at little
//!   cost, and each is as likely as any other.
//! - In a Cluster the calls of a batch go to all its nodes at the same time.
//! - [`Totals`] are not known: to count what is there would be to walk it.
//!
//! # When it fails
//!
//! The driver opens without a server: what is not there yet may come. A batch that is not answered in time, or not by a
//! server, has [`Reply::Failed`] in every entry that this befell, and [`Fallback`] answers in its place.

mod connection;
mod script;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisError};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tracing::{debug, warn};

use super::fallback::{self, Fallback};
use super::{Answer, Batch, Driver, Environment, Reply, Settings, SettingsError, Storage, StorageError, Totals};
use crate::clock::Now;
use crate::units::Period;
use connection::{Connections, Failure, Server};
use script::Scripts;

/// The driver named `redis`: a [`RedisStorage`], and a [`Fallback`] around it.
pub struct RedisDriver;

/// `[storage.redis]`.
#[derive(Clone, Debug, Deserialize, Serialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// A server, or nodes of a Cluster.
    pub urls: Vec<String>,
    /// What every key begins with.
    pub key_prefix: String,
    /// How long a request waits for the server.
    pub timeout: Period,
    /// Peers that are kept in memory for when there is no server.
    pub fallback_max_peers: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            urls: vec!["redis://127.0.0.1:6379".into()],
            key_prefix: "chihaya:".into(),
            timeout: Period(Duration::from_millis(250)),
            fallback_max_peers: fallback::Config::default().max_peers,
        }
    }
}

impl Driver for RedisDriver {
    fn name(&self) -> &'static str {
        "redis"
    }

    fn defaults(&self) -> toml::Table {
        toml::Table::try_from(Config::default()).expect("texts and numbers make a table")
    }

    fn check(&self, settings: &Settings) -> Result<(), SettingsError> {
        settings.read::<Config>()?.server().map(drop)
    }

    fn open(&self, settings: &Settings, environment: Environment) -> Result<Arc<dyn Storage>, StorageError> {
        let config: Config = settings.read()?;
        let remote = RedisStorage::open(&config, &environment)?;
        let fallback = fallback::Config {
            timeout: config.timeout.0,
            max_peers: config.fallback_max_peers,
            ..fallback::Config::default()
        };
        Ok(Arc::new(Fallback::new(Arc::new(remote), fallback, &environment)))
    }
}

impl Config {
    /// What the keys name, if they make sense; nothing is connected to.
    fn server(&self) -> Result<Server, SettingsError> {
        let error = |key: &str, message: String| SettingsError { key: key.into(), message };
        if self.timeout.0.is_zero() {
            return Err(error("timeout", "no server answers in no time; write \"250ms\" or so".into()));
        }
        if self.timeout.0 > LONGEST_TIMEOUT {
            let message = "a client would not wait so long; write \"250ms\" or so, \"15s\" at most";
            return Err(error("timeout", message.into()));
        }
        if self.fallback_max_peers == 0 {
            let message = "without a peer in memory nobody is answered while there is no server; choose 1 or more";
            return Err(error("fallback_max_peers", message.into()));
        }
        if self.key_prefix.contains(['{', '}']) {
            let message = "braces would take a torrent's keys to another node of a Cluster; leave them out";
            return Err(error("key_prefix", message.into()));
        }
        let urls = self.urls.iter().enumerate().map(|(index, url)| {
            connection_info(url, self.urls.len() > 1).map_err(|message| error(&format!("urls[{index}]"), message))
        });
        let urls = urls.collect::<Result<Vec<_>, _>>()?;
        if urls.is_empty() {
            return Err(error("urls", format!("no server is named; write {URL_FORMS}")));
        }
        Server::named(&urls, self.timeout.0).map_err(|reason| error("urls", plainly(&reason)))
    }
}

/// Reads a URL. What is said of a wrong one never has any of its text, for that may be a password's.
fn connection_info(url: &str, in_cluster: bool) -> Result<ConnectionInfo, String> {
    let info = url.into_connection_info().map_err(|reason| {
        format!(
            "{}; write {URL_FORMS}, and in user and password %23 for #, %2C for a comma, %2F for / and so on",
            plainly(&reason)
        )
    })?;
    if in_cluster && matches!(info.addr(), ConnectionAddr::Unix(_)) {
        return Err("several URLs name the nodes of a Cluster, which are not reached over a Unix socket".into());
    }
    if in_cluster && info.redis_settings().db() != 0 {
        return Err("several URLs name the nodes of a Cluster, which has no other database than 0".into());
    }
    Ok(info.set_tcp_settings(connection::tcp_settings()))
}

/// What an error says of itself, without what it quotes.
fn plainly(error: &RedisError) -> String {
    let text = error.to_string();
    text.split(" - ").next().unwrap_or_default().to_owned()
}

/// Swarms in Redis, and nothing else when that fails.
pub struct RedisStorage(Arc<Inner>);

struct Inner {
    connections: Connections,
    scripts: Scripts,
    /// When the operator was last told of a failure.
    told: Mutex<Option<Instant>>,
}

impl RedisStorage {
    /// A store that connects when it is first asked.
    ///
    /// # Errors
    ///
    /// When the configuration makes no sense. That no server answers is no error: it may yet.
    pub fn open(config: &Config, environment: &Environment) -> Result<Self, SettingsError> {
        let connections = Connections::new(config.server()?, config.timeout.0);
        let scripts = Scripts::new(config.key_prefix.clone(), environment.peer_lifetime);
        Ok(Self(Arc::new(Inner { connections, scripts, told: Mutex::default() })))
    }
}

impl Storage for RedisStorage {
    fn apply(&self, _now: Now, batch: Batch) -> Answer {
        let inner = Arc::clone(&self.0);
        Answer::Pending(Box::pin(async move {
            // In a task of its own it runs to its end, and finds out what has become of the connection, even if the client
            // that it is for has hung up.
            let answered = tokio::spawn(async move { inner.answer(batch).await });
            answered.await.expect("answering a batch does not panic")
        }))
    }

    fn sweep(&self, _now: Now) {}

    /// Not known: nothing in Redis counts torrents or peers.
    fn totals(&self) -> Totals {
        Totals::default()
    }
}

impl Inner {
    async fn answer(&self, mut batch: Batch) -> Batch {
        let mut rng = SmallRng::seed_from_u64(batch.seed);
        let call = |index: usize| {
            let request = &batch.entries[index].request;
            (*request.info_hash(), self.scripts.call(request, &mut rng))
        };
        let returned = self.connections.call(&self.scripts, batch.entries.len(), call).await;
        let Batch { entries, peers, .. } = &mut batch;
        for (entry, returned) in entries.iter_mut().zip(returned) {
            let reply =
                returned.and_then(|value| script::reply(&entry.request, &value, peers).ok_or(Failure::Nonsense));
            entry.reply = reply.unwrap_or_else(|failure| {
                self.tell(&failure);
                Reply::Failed
            });
        }
        batch
    }

    /// Tells the operator, now and then: there may be thousands a second.
    fn tell(&self, failure: &Failure) {
        // What a server says may have several lines.
        let failure = failure.to_string().replace(['\r', '\n'], " ");
        let server = self.connections.server();
        let mut told = self.told.lock();
        if told.is_some_and(|told| told.elapsed() < PAUSE) {
            return debug!("storage.redis: {server}: {failure}");
        }
        *told = Some(Instant::now());
        warn!("storage.redis: {server}: {failure}");
    }
}

/// What a URL may look like.
const URL_FORMS: &str = "redis://USER:PASSWORD@HOST:PORT/DATABASE, rediss:// for TLS, or unix:///PATH";

/// Clients over UDP ask again after that (BEP 15, "Time outs").
const LONGEST_TIMEOUT: Duration = Duration::from_secs(15);

/// Between two lines about failures.
const PAUSE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
