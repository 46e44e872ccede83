//! Parquet files: a log that any query engine reads.
//!
//! ```text
//! queue -> encoder (a batch of columns, then row groups of the open file) -> client (parts under a temporary name) -> retention
//! ```
//!
//! The totals of open connections are merged in [`encoder`] and become rows when the file of their hour is finished.
//!
//! A reader never sees an incomplete file: each is written under a temporary name and renamed when it is finished. A killed egret
//! loses the open file, at most the events of one rotation interval. Files for a bucket are finished on this host and uploaded
//! then, see [`client`].

mod client;
mod config;
mod encoder;
mod layout;
pub mod read;
pub mod schema;
mod sink;

pub use self::config::{Destination, Settings, Spool, StartError};
pub use self::sink::Sink;
