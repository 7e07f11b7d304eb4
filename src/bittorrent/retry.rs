//! What a refusal means for the next try.

/// When a refused client may try again (BEP 31).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Retry {
    /// The same request will be refused again.
    Never,
    /// After so many minutes.
    InMinutes(u32),
}
