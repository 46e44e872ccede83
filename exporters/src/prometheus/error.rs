//! Why metrics cannot be set up.

/// A metric that cannot be registered.
#[derive(Debug, thiserror::Error)]
#[error("metric {metric} cannot be registered")]
pub struct Error {
    /// Its name.
    pub metric: &'static str,
    /// Why.
    pub source: prometheus::Error,
}
