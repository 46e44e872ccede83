//! Digests of executables: SHA-256 of the whole file, and the build id `htlhash`.

mod digester;
mod fair;
mod known;
mod reading;

pub use digester::{DigestCounts, Digester, Limits};
pub use known::Known;

#[cfg(test)]
mod tests;
