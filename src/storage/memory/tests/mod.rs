//! Tests that reach across the files of the store, and what they share.

pub(super) mod kind;
mod leaps;
mod limits;
mod neighbours;
mod sampling;
mod sweeping;
mod table;
