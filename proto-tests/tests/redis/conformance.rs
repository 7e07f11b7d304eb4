//! The conformance kit on a server and on a Cluster, with nothing around the store that could hide a failure.

use chihaya::storage::conformance::{Kit, Time};
use proto_tests::redis::{BareRedis, Cluster, Redis, settings};

#[test]
fn redis_conforms() {
    let redis = Redis::start();
    Kit::new(&BareRedis, settings(&[redis.url()]), Time::Own).run().assert();
    assert!(redis.keys() > 0, "it was Redis that was tried");
}

#[test]
fn a_cluster_conforms() {
    let cluster = Cluster::start();
    Kit::new(&BareRedis, settings(&cluster.urls()), Time::Own).run().assert();
    assert!(cluster.keys().iter().all(|&keys| keys > 0), "every node has its part: {:?}", cluster.keys());
}
