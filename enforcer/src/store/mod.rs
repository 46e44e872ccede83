//! The baseline store: the baseline in memory and on disk.
//!
//! [`FileStore`] is for programs that have the baseline to themselves, [`BaselineStore`] for a daemon whose threads share it.

mod baseline_store;
pub mod edit;
mod error;
mod file;
mod file_store;
mod growth;
mod learner;
mod lock;
#[cfg(test)]
mod tests;
mod unlearned;

pub use baseline_store::{BaselineSettings, BaselineStore, NoBaseline};
pub use error::{Broken, SaveError};
pub use file_store::{FileStore, Patience, Saved};
pub use learner::EventLearner;
