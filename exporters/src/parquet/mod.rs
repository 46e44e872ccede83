//! Parquet files: a log that any query engine reads.
//!
//! ```text
//! queue -> rows (columns in memory) -> file (row groups, encoded) -> store (parts under a temporary name) -> shelf
//! ```
//!
//! A reader never sees a torn file: each is written under another name and renamed once it is whole. What a killed egret
//! loses is the file it was writing, and so what came within the interval after which a file is finished. Files for a bucket
//! are finished on this host and uploaded then, see [`upload`].

mod complaint;
mod encoding;
mod error;
mod file;
mod layout;
pub mod read;
mod rows;
pub mod schema;
mod settings;
mod shelf;
mod sink;
mod store;
mod upload;

pub use error::StartError;
pub use settings::{Destination, Settings, Spool};
pub use sink::Sink;
