//! Connections: one of each worker to the server, or to every node of the Cluster, made when it is first needed.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use parking_lot::Mutex;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionInfo, ErrorKind, IntoConnectionInfo, Pipeline, RedisError,
    ServerErrorKind, Value,
};
use tokio::runtime::{self, Handle};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::script::Scripts;
use crate::bittorrent::InfoHash;

/// What a server, or a Cluster, has returned for one call, or why it has not.
pub(super) type Returned = Result<Value, Failure>;

/// Why a call came to nothing.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Failure {
    /// It was not answered in time.
    #[error("no answer in {0:?}")]
    Late(Duration),
    /// The server refused it, or could not be reached.
    #[error("{0}")]
    Refused(#[from] RedisError),
    /// The server returned something that no script of ours does.
    #[error("an answer that makes no sense; is the key of another program?")]
    Nonsense,
}

impl Failure {
    /// Whether a connection that this came over is of no more use.
    fn breaks_connection(&self) -> bool {
        match self {
            Self::Late(_) => true,
            Self::Refused(error) => {
                error.is_unrecoverable_error() || error.is_io_error() || is_mended_by_connecting(error.kind())
            }
            Self::Nonsense => false,
        }
    }

    /// Whether the call is worth another try at once, over a new connection.
    fn may_be_mended(&self) -> bool {
        self.breaks_connection() && !matches!(self, Self::Late(_))
    }
}

/// A new connection finds the present master, every node of the Cluster, and has the scripts loaded.
fn is_mended_by_connecting(kind: ErrorKind) -> bool {
    use ServerErrorKind::{NoScript, ReadOnly};
    matches!(kind, ErrorKind::ClusterConnectionNotFound | ErrorKind::Server(NoScript | ReadOnly))
}

/// Where swarms are kept.
pub(super) enum Server {
    /// Named by one URL: a server, or a node of a Cluster.
    Single(Box<Client>),
    /// Named by several of its nodes: their addresses.
    Cluster(Box<ClusterClient>, String),
}

/// Where it is, without user and password.
impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Single(client) => write!(f, "{}", client.get_connection_info().addr()),
            Self::Cluster(_, addresses) => write!(f, "{addresses}"),
        }
    }
}

impl Server {
    /// What one or more URLs name; connects to nothing.
    pub(super) fn named(urls: &[ConnectionInfo], timeout: Duration) -> Result<Self, RedisError> {
        match urls {
            [url] => Client::open(url.clone()).map(|client| Self::Single(Box::new(client))),
            nodes => {
                let addresses: Vec<_> = nodes.iter().map(|node| node.addr().to_string()).collect();
                let client = cluster(nodes.iter().cloned(), timeout)?;
                Ok(Self::Cluster(Box::new(client), addresses.join(", ")))
            }
        }
    }

    async fn connect(&self, timeout: Duration) -> Result<Link, RedisError> {
        match self {
            Self::Single(client) => {
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(timeout))
                    .set_response_timeout(Some(timeout));
                let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
                if !is_node_of_cluster(&mut connection).await {
                    return Ok(Link::Single(connection));
                }
                let cluster = cluster([client.get_connection_info().clone()], timeout)?;
                Ok(Link::Cluster(cluster.get_async_connection().await?))
            }
            Self::Cluster(client, _) => Ok(Link::Cluster(client.get_async_connection().await?)),
        }
    }
}

/// A batch is sent at once, and does not wait until the one before it has been acknowledged.
pub(super) fn tcp_settings() -> TcpSettings {
    TcpSettings::default().set_nodelay(true)
}

fn cluster<T: IntoConnectionInfo>(
    nodes: impl IntoIterator<Item = T>,
    timeout: Duration,
) -> Result<ClusterClient, RedisError> {
    ClusterClient::builder(nodes)
        .retries(CLUSTER_RETRIES)
        .connection_timeout(timeout)
        .response_timeout(timeout)
        .overall_response_timeout(Some(timeout))
        .tcp_settings(tcp_settings())
        .build()
}

/// A server that may not be asked is taken for one of its own; if it is not, it says so when it is asked for a torrent.
async fn is_node_of_cluster(connection: &mut MultiplexedConnection) -> bool {
    let info: Result<String, _> = redis::cmd("INFO").arg("cluster").query_async(connection).await;
    info.is_ok_and(|info| info.contains("cluster_enabled:1"))
}

/// A connection, over which any number of calls may be under way.
#[derive(Clone)]
enum Link {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Link {
    /// Has the scripts kept.
    async fn load(&mut self, scripts: &Scripts) -> Result<(), RedisError> {
        for load in scripts.load() {
            match self {
                Self::Single(connection) => drop(connection.req_packed_command(&load).await?.extract_error()?),
                // Some nodes may be away. Those that lack the scripts later say so, and are given them then.
                Self::Cluster(connection) => drop(connection.req_packed_command(&load).await),
            }
        }
        Ok(())
    }

    /// Makes the calls, each to be answered before `deadline`: to a server in one round trip, to the nodes of a Cluster in one
    /// at the same time. Calls for the same torrent take effect in their order.
    async fn call(&self, calls: Vec<(InfoHash, Cmd)>, deadline: Instant, timeout: Duration) -> Vec<Returned> {
        match self {
            Self::Single(connection) => {
                let calls = calls.into_iter().map(|(_, call)| call).collect();
                pipelined(connection.clone(), calls, deadline, timeout).await
            }
            Self::Cluster(connection) => {
                let count = calls.len();
                let mut torrents: HashMap<InfoHash, (Vec<usize>, Vec<Cmd>)> = HashMap::new();
                for (index, (info_hash, call)) in calls.into_iter().enumerate() {
                    let (indices, calls) = torrents.entry(info_hash).or_default();
                    indices.push(index);
                    calls.push(call);
                }
                let answers = join_all(torrents.into_values().map(async |(indices, calls)| {
                    (indices, pipelined(connection.clone(), calls, deadline, timeout).await)
                }));
                let mut returned = vec![Err(Failure::Nonsense); count];
                for (indices, answers) in answers.await {
                    indices.into_iter().zip(answers).for_each(|(index, answer)| returned[index] = answer);
                }
                returned
            }
        }
    }
}

/// Makes calls in one go. Without a connection they all come to nothing for the same reason.
async fn pipelined<C>(mut connection: C, calls: Vec<Cmd>, deadline: Instant, timeout: Duration) -> Vec<Returned>
where
    C: ConnectionLike,
{
    let count = calls.len();
    let mut pipeline = Pipeline::with_capacity(count);
    calls.into_iter().for_each(|call| {
        pipeline.add_command(call);
    });
    let failure = match timeout_at(deadline, connection.req_packed_commands(&pipeline, 0, count)).await {
        Ok(Ok(values)) if values.len() == count => {
            return values.into_iter().map(|value| value.extract_error().map_err(Failure::from)).collect();
        }
        Ok(Ok(_)) => Failure::Nonsense,
        Ok(Err(error)) if error.is_timeout() => Failure::Late(timeout),
        Ok(Err(error)) => Failure::Refused(error),
        Err(_) => Failure::Late(timeout),
    };
    vec![Err(failure); count]
}

/// The connections of all workers.
pub(super) struct Connections {
    server: Server,
    timeout: Duration,
    lanes: Mutex<HashMap<runtime::Id, Arc<Lane>>>,
}

impl Connections {
    pub(super) fn new(server: Server, timeout: Duration) -> Self {
        Self { server, timeout, lanes: Mutex::default() }
    }

    pub(super) fn server(&self) -> &Server {
        &self.server
    }

    /// Makes so many calls over the connection of this worker, whose runtime this is. `make` gives each by its number, again if it
    /// has to be made again. Every call comes back with something.
    pub(super) async fn call(
        &self,
        scripts: &Scripts,
        count: usize,
        make: impl FnMut(usize) -> (InfoHash, Cmd),
    ) -> Vec<Returned> {
        let deadline = Instant::now() + self.timeout + GRACE;
        let lane = Arc::clone(self.lanes.lock().entry(Handle::current().id()).or_default());
        match timeout_at(deadline, lane.turns.acquire()).await {
            Ok(_turn) => self.call_in_turn(&lane, scripts, count, make, deadline).await,
            Err(_) => vec![Err(Failure::Late(self.timeout)); count],
        }
    }

    /// Tries again at once where that helps: on a new connection, which has the scripts, if the old one has broken or the server
    /// has lost them. To apply an announce twice is to apply it once.
    async fn call_in_turn(
        &self,
        lane: &Lane,
        scripts: &Scripts,
        count: usize,
        mut make: impl FnMut(usize) -> (InfoHash, Cmd),
        deadline: Instant,
    ) -> Vec<Returned> {
        let mut returned = vec![Err(Failure::Nonsense); count];
        let mut missing: Vec<usize> = (0..count).collect();
        for _ in 0..ATTEMPTS {
            let connected = timeout_at(deadline, lane.connection(&self.server, self.timeout, scripts)).await;
            let failure = match connected {
                Ok(Ok(connection)) => {
                    let calls = missing.iter().map(|&index| make(index)).collect();
                    let answers = connection.link.call(calls, deadline, self.timeout).await;
                    lane.judge(&connection, &answers);
                    missing.iter().zip(answers).for_each(|(&index, answer)| returned[index] = answer);
                    missing.retain(|&index| returned[index].as_ref().is_err_and(Failure::may_be_mended));
                    if missing.is_empty() {
                        break;
                    }
                    continue;
                }
                Ok(Err(error)) => Failure::Refused(error),
                Err(_) => Failure::Late(self.timeout),
            };
            missing.iter().for_each(|&index| returned[index] = Err(failure.clone()));
            break;
        }
        returned
    }
}

/// One worker's connection.
struct Lane {
    /// To be used, unless it is known to be broken.
    connection: Mutex<Option<Connection>>,
    /// Held while one is being made.
    connecting: tokio::sync::Mutex<()>,
    /// Batches that may be under way at once.
    turns: Semaphore,
}

#[derive(Clone)]
struct Connection {
    link: Link,
    /// Tells it from the next one.
    mark: Arc<()>,
}

impl Default for Lane {
    fn default() -> Self {
        Self {
            connection: Mutex::default(),
            connecting: tokio::sync::Mutex::default(),
            turns: Semaphore::new(MAX_IN_FLIGHT),
        }
    }
}

impl Lane {
    /// The present connection, or a new one, on which the scripts are known.
    async fn connection(
        &self,
        server: &Server,
        timeout: Duration,
        scripts: &Scripts,
    ) -> Result<Connection, RedisError> {
        if let Some(connection) = self.connection.lock().clone() {
            return Ok(connection);
        }
        let _alone = self.connecting.lock().await;
        if let Some(connection) = self.connection.lock().clone() {
            return Ok(connection);
        }
        let mut link = server.connect(timeout).await?;
        link.load(scripts).await?;
        let connection = Connection { link, mark: Arc::default() };
        *self.connection.lock() = Some(connection.clone());
        Ok(connection)
    }

    /// Gives up a connection that does not answer, or not as it should: the next batch has a new one made.
    fn judge(&self, connection: &Connection, answers: &[Returned]) {
        let broken = answers.iter().any(|answer| answer.as_ref().is_err_and(Failure::breaks_connection));
        let mut present = self.connection.lock();
        if broken && present.as_ref().is_some_and(|present| Arc::ptr_eq(&present.mark, &connection.mark)) {
            *present = None;
        }
    }
}

/// Batches of one worker under way at once: those of UDP on two addresses, and as many of HTTP. What comes beyond waits, no
/// longer than for an answer.
const MAX_IN_FLIGHT: usize = 64;

/// Beyond the time-out. A store around this one waits no longer than that, and is to give up first: it can tell a time-out from a
/// failure.
const GRACE: Duration = Duration::from_millis(20);

/// A call that a new connection may mend is made once more.
const ATTEMPTS: usize = 2;

/// The nodes of a Cluster say where a torrent has moved to, and may have to be asked again.
const CLUSTER_RETRIES: u32 = 3;
