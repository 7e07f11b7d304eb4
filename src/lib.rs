//! A BitTorrent tracker for public, open swarms: UDP and HTTP, IPv4 and IPv6, one process, one store.
//!
//! This page is the map of the house. A tracker is told by clients which torrents they share
//! ([announce](bittorrent::Announce)) and tells them who else does.
//!
//! # Floors
//!
//! Arrows point down only; a test reads every `use crate::…` and keeps them so.
//!
//! | floor | modules | what is there |
//! |---|---|---|
//! | 4, assembly | [`cli`], [`config`], [`server`], [`log`], [`doctor`] | arguments, the configuration as the sum of each module's own, workers, timers, signals, what the host should be told |
//! | 3, frontends | [`udp`], [`http`], [`admin`], and for other trackers [`probe`] | a transport each: what goes in and out, and its limits; what operators see; they never import each other |
//! | 2, meaning | [`tracker`] | policies: what an announce asks of the store, and what a client is told |
//! | 1, two towers | [`wire`], [`storage`] | bytes to requests and replies to bytes; the contract of stores, the stores in memory and in Redis, and what answers for one that is away; neither knows the other |
//! | 0, nouns | [`bittorrent`], [`clock`], [`counters`], [`units`], [`sys`], `sync` | values everyone speaks of; `sys` is the operating system's own calls, `sync` the locks that a test has scheduled |
//!
//! # What is never done
//!
//! - No lock or system call is made per UDP request beyond the lock of its swarm's shard, and no allocation but where a
//!   table grows or shrinks: the batch is the unit of work, from one receive call through one storage call to one send call.
//! - No request crosses threads. A worker is one thread that owns one socket of every address.
//! - Nothing above [`udp::Datagrams`] knows that sockets exist: the handler answers in the buffers it is given.
//! - `wire`, `storage::memory`, `tracker` and the connection ids never ask for the time or for randomness, and never do
//!   I/O: `now`, a random source and the sender's address are arguments.
//! - Nothing from the network panics, and nothing is told or sent to a source that has not shown its connection id (an IPv6
//!   source: its /64's), except a connect reply, which is no longer than the connect.
//! - A scrape, a `stopped`, a refused announce create nothing.
//! - Outside [`sys`] there is no `unsafe`.
//!
//! # One UDP announce
//!
//! [`udp::Worker`] receives a batch → [`wire::udp::Request::parse`] reads each datagram in place →
//! [`udp::ConnectionIds::accept`] → [`tracker::Live::admit`] makes it a [`storage::Announce`] in the round's
//! [`storage::Batch`] → [`storage::Storage::apply`] fills every reply, each under its shard's lock → [`udp::Handler::write`]
//! puts header and peers into the buffers the requests came in → the worker sends the batch.
//!
//! # One HTTP announce
//!
//! [`http::serve`] accepts and hyper parses the head → the client's address is the peer's, or what a trusted proxy says →
//! [`wire::http`] reads the query → the same [`tracker::Live::admit`] and [`storage::Storage::apply`], with a batch of one →
//! [`wire::http`] writes bencode.
//!
//! # What a UDP announce may cost
//!
//! Measured beside a kernel that takes some 3,500 ns for its two halves of two system calls. Instructions are those of
//! `benches/instructions.txt`, which a test compares with the build; lines are the cache lines that the layouts make it touch.
//!
//! | step | instructions | cache lines | |
//! |---|---|---|---|
//! | parse | 75 | 2 | in place, 98 bytes |
//! | connection id | 196 | 2 | one SipHash, whatever the answer |
//! | policy | 100 | 2 | a copy into the batch |
//! | store, alone in its torrent | 970 | 7 | shard, page, frame, tags, torrent |
//! | store, 50 peers of 100 | 2,410 | 8 and the swarm's 13 | read through once, then copied from |
//! | store, 50 peers of a crowd | 2,850 | 15 and some 9 | its own entry, then runs of 32 peers |
//! | write | 105 | 1 and the peers' | 20 bytes before the peers, which are copied |
//!
//! Why a swarm is kept in one form or another is told, with the bytes drawn, by [`storage::memory`].
//!
//! # Where what is decided
//!
//! How many peers a reply has: [`tracker::Live::admit`], within what a packet holds (`udp/handler.rs`), among both families
//! by [`storage::Want::split`]. Who is refused: `admit` as well. Who answers for a store that does not:
//! [`storage::fallback`], by its time-out and its breaker. Whose id is good: [`udp::ConnectionIds`]. When a peer is
//! forgotten: [`storage::Storage::sweep`], called each second by [`server`], which rotates the ids' secrets too.
//!
//! # A store of one's own
//!
//! Fill [`storage::Storage`], name it with a [`storage::Driver`], and write a `main` of three lines:
//! `chihaya::run(Drivers::builtin().with(YourDriver))`. What it must keep to is the page of [`storage`]; a complete one is
//! [`storage::writing_a_driver`]. With the feature `conformance`, `storage::conformance` tries every promise against it.

pub mod admin;
pub mod bittorrent;
pub mod cli;
pub mod clock;
pub mod config;
pub mod counters;
pub mod doctor;
pub mod http;
pub mod log;
pub mod probe;
pub mod server;
pub mod storage;
mod sync;
pub mod sys;
pub mod tracker;
pub mod udp;
pub mod units;
pub mod wire;

pub use cli::run;
