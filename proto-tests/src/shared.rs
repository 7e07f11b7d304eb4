//! One value for all the tests of a program that run at the same time.

use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Made when a test asks for it and nobody has it, dropped when the last test that has it ends.
///
/// A `LazyLock` would never be dropped, and a tracker in it would outlive the tests.
pub struct Shared<T>(Mutex<Weak<T>>);

impl<T> Shared<T> {
    /// Nothing yet.
    pub const fn new() -> Self {
        Self(Mutex::new(Weak::new()))
    }

    /// The value that others have, or a new one.
    pub fn get(&self, make: impl FnOnce() -> T) -> Arc<T> {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let made = Arc::new(make());
            *shared = Arc::downgrade(&made);
            made
        })
    }
}

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_lives_as_long_as_someone_has_it() {
        let shared = Shared::new();
        let first = shared.get(|| 1);
        assert_eq!(*shared.get(|| 2), 1);
        drop(first);
        assert_eq!(*shared.get(|| 3), 3);
    }
}
