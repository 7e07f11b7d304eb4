//! In the place of the tracker's `sync`: the same names, and at each use the scheduler may let another thread go first.

use std::fmt;
use std::sync::PoisonError;

pub(crate) use shuttle::sync::atomic::{AtomicU64, Ordering};

/// A lock whose waiting the scheduler knows of, so that it notices when all wait for each other.
#[derive(Default)]
pub struct Mutex<T>(shuttle::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(shuttle::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> shuttle::sync::MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn try_lock(&self) -> Option<shuttle::sync::MutexGuard<'_, T>> {
        self.0.try_lock().ok()
    }
}

/// One that outlives the runs of the scheduler, each of which would take it for a lock of its own.
///
/// No thread of one run waits for another: whoever holds it goes on until it is free, for nothing that is scheduled happens
/// meanwhile.
pub struct StaticMutex<T>(parking_lot::Mutex<T>);

impl<T> StaticMutex<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(parking_lot::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> parking_lot::MutexGuard<'_, T> {
        // A counter of nobody else's is as good a point as any to let others go first.
        AtomicU64::new(0).load(Ordering::SeqCst);
        self.0.lock()
    }
}

impl<T> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mutex")
    }
}
