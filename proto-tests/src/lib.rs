//! What the tests of the whole tracker share: a model of its store, and stores that misbehave.

pub mod checked;
pub mod failing;
pub mod late;
pub mod model;
