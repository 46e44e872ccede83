//! The exporters of egret: a sink for each destination, all with one vocabulary.
//!
//! Every sink consists of the same parts: `config` (its settings, and why it cannot start), `encoder` (events to the destination's
//! format), `client` (the connection to the destination; Prometheus pulls, so that it has a `server`), and `sink` (takes events from
//! its queue and accounts for each). Log formats also have `read`.
//!
//! [`names`] has the names of attributes, [`values`] and [`errno`] their values where these are from a fixed set.
#![forbid(unsafe_code)]

pub mod errno;
pub mod json;
pub mod names;
pub mod otlp;
pub mod parquet;
mod process_cache;
pub mod prometheus;
pub mod sink;
pub mod values;
