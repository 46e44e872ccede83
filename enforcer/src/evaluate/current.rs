//! The policy in force.

use std::sync::{Arc, PoisonError, RwLock};

use super::policy::Policy;

/// The policy in force, which another one takes the place of between two packets.
#[derive(Debug, Default)]
pub struct Current(RwLock<Arc<Policy>>);

impl Current {
    /// Begins with a policy.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self(RwLock::new(Arc::new(policy)))
    }

    /// The policy in force.
    #[must_use]
    pub fn get(&self) -> Arc<Policy> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another one in force. Returns the one that was.
    pub(crate) fn set(&self, policy: Policy) -> Arc<Policy> {
        std::mem::replace(&mut self.0.write().unwrap_or_else(PoisonError::into_inner), Arc::new(policy))
    }
}
