//! Reloading: which options changed, and which changes take effect without a restart.

use crate::diagnostics::{Diagnostics, Problems};
use crate::load::{Loaded, resolve};
use crate::options::{self, Reload};

/// An option whose value changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    pub key: &'static str,
    /// When the change takes effect.
    pub reload: Reload,
}

/// The options whose values differ between `old` and `new`.
#[must_use]
pub fn reload_difference(old: &Loaded, new: &Loaded) -> Vec<Change> {
    let differs = |entry: &&options::Entry| !entry.access.same(&old.merged.config, &new.merged.config);
    options::all().filter(differs).map(|entry| Change { key: entry.key, reload: entry.reload }).collect()
}

impl Loaded {
    /// The configuration in effect after a reload: values of `new`, except for options that need a restart, which keep
    /// the values of `self`. The next reload is compared with the result.
    ///
    /// # Errors
    ///
    /// The mixture is invalid.
    pub fn taking_over(&self, new: &Self) -> Result<Self, Problems> {
        let mut mixture = new.merged.clone();
        for entry in options::all().filter(|entry| entry.reload == Reload::Restart) {
            mixture.take_over(entry, &self.merged);
        }
        resolve(mixture, new.file.clone(), self.host.clone(), Diagnostics::default())
    }
}
