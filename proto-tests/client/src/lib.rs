//! A BitTorrent tracker client with a codec of its own, for tests and load generators.
