//! Connections: one of each worker to the server, or to every node of the Cluster, made when it is first needed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use parking_lot::Mutex;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, ConnectionInfo, IntoConnectionInfo, Pipeline, RedisError, Value};
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

/// Where swarms are kept.
pub(super) enum Server {
    /// Named by one URL: a server, or a node of a Cluster.
    Single(Client),
    /// Named by several of its nodes.
    Cluster(ClusterClient),
}

impl Server {
    /// What one or more URLs name; connects to nothing.
    pub(super) fn named(urls: &[ConnectionInfo], timeout: Duration) -> Result<Self, RedisError> {
        match urls {
            [url] => Client::open(url.clone()).map(Self::Single),
            nodes => cluster(nodes.iter().cloned(), timeout).map(Self::Cluster),
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
            Self::Cluster(client) => Ok(Link::Cluster(client.get_async_connection().await?)),
        }
    }
}

fn cluster<T: IntoConnectionInfo>(nodes: impl IntoIterator<Item = T>, timeout: Duration) -> Result<ClusterClient, RedisError> {
    ClusterClient::builder(nodes)
        .retries(CLUSTER_RETRIES)
        .connection_timeout(timeout)
        .response_timeout(timeout)
        .overall_response_timeout(Some(timeout))
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
    async fn load(&mut self, scripts: &Scripts) -> Result<(), RedisError> {
        for load in scripts.load() {
            match self {
                Self::Single(connection) => connection.req_packed_command(&load).await?.extract_error()?,
                Self::Cluster(connection) => connection.req_packed_command(&load).await?.extract_error()?,
            };
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
                let mut torrents: Vec<(InfoHash, Vec<usize>, Vec<Cmd>)> = Vec::new();
                let mut places = HashMap::new();
                let count = calls.len();
                for (index, (info_hash, call)) in calls.into_iter().enumerate() {
                    let place = *places.entry(info_hash).or_insert(torrents.len());
                    if place == torrents.len() {
                        torrents.push((info_hash, Vec::new(), Vec::new()));
                    }
                    let (_, indices, calls) = &mut torrents[place];
                    indices.push(index);
                    calls.push(call);
                }
                let answers = join_all(torrents.into_iter().map(async |(_, indices, calls)| {
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
