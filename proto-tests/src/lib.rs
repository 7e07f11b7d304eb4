//! What the tests of the whole tracker share: a model of its store.

pub mod checked;
pub mod model;
