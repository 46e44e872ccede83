//! Where egret's events go: a module each sink, one vocabulary for all of them.
//!
//! [`names`] has the attribute names, [`values`] and [`errno`] what stands behind them where it is one of a
//! fixed set.
#![forbid(unsafe_code)]

pub mod errno;
pub mod json;
pub mod names;
pub mod otlp;
pub mod parquet;
pub mod prometheus;
pub mod sink;
pub mod snapshot;
pub mod values;
