//! What changes when the configuration is read again while egret runs.

use crate::diagnostics::{Diagnostics, Problems};
use crate::load::{Loaded, settled};
use crate::options::{self, Reload};

/// An option whose value is another one now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The option.
    pub key: &'static str,
    /// What is done about it.
    pub reload: Reload,
}

/// What is different in `new`.
#[must_use]
pub fn reload_difference(old: &Loaded, new: &Loaded) -> Vec<Change> {
    let differs = |entry: &&options::Entry| !entry.access.same(&old.merged.config, &new.merged.config);
    options::all().filter(differs).map(|entry| Change { key: entry.key, reload: entry.reload }).collect()
}

impl Loaded {
    /// What holds after `new` was read while this holds: of `new` what can be taken over, of this what waits for a
    /// restart. Compare with it when the configuration is read the next time.
    ///
    /// # Errors
    ///
    /// What is wrong with the mixture.
    pub fn taking_over(&self, new: &Self) -> Result<Self, Problems> {
        let mut mixed = new.merged.clone();
        for entry in options::all().filter(|entry| entry.reload == Reload::Restart) {
            mixed.take_over(entry, &self.merged);
        }
        settled(mixed, new.file.clone(), self.host.clone(), Diagnostics::default())
    }
}
