//! Why the sink cannot be set up.

use std::io;
use std::path::PathBuf;

/// Why the sink cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The collector's address.
    #[error("the collector's address {endpoint:?} cannot be used")]
    Endpoint {
        /// As it was given.
        endpoint: String,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A header. Its value may be a secret and is not shown.
    #[error("the header {name:?} cannot be sent")]
    Header {
        /// Its name as it was given.
        name: String,
        /// What is wrong with it.
        source: http::Error,
    },
    /// A file.
    #[error("cannot read {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Certificates or keys.
    #[error("TLS to {endpoint} cannot be set up with {}", .files.join(", "))]
    Tls {
        /// The collector's address.
        endpoint: String,
        /// What was to be used.
        files: Vec<String>,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
