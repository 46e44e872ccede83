//! Parquet files: a log that any query engine reads.
//!
//! ```text
//! queue -> rows (columns in memory) -> file (row groups, encoded) -> store (parts under a temporary name) -> shelf
//! ```
//!
//! What moves on a connection that is open is gathered in `updates`, and becomes a row when the file of the hour is finished.
//!
//! A reader never sees a torn file: each is written under another name and renamed once it is whole. What a killed egret
//! loses is the file it was writing, and so what came within the interval after which a file is finished.

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
mod updates;

pub use error::StartError;
pub use settings::{Destination, Settings};
pub use sink::Sink;
