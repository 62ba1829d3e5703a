//! A value that is replaced whole, read at any time, and waited for by nobody.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The newest `T`.
#[derive(Debug, Default)]
pub struct Newest<T>(Mutex<Arc<T>>);

impl<T> Newest<T> {
    /// One that begins with `value`.
    pub fn new(value: T) -> Self {
        Self(Mutex::new(Arc::new(value)))
    }

    /// The newest value.
    pub fn get(&self) -> Arc<T> {
        Arc::clone(&self.lock())
    }

    /// Replaces it.
    pub fn set(&self, value: T) {
        *self.lock() = Arc::new(value);
    }

    /// Replaces it by what `make` makes of it, unless that fails.
    pub fn update<E>(&self, make: impl FnOnce(&T) -> Result<T, E>) -> Result<(), E> {
        let mut value = self.lock();
        *value = Arc::new(make(&value)?);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Arc<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
