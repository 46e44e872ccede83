//! Prometheus metrics: what connections add up to, and what egret says of itself.
//!
//! ```text
//! Sink::run -> Metrics::count, a batch at a time -> Metrics::gather <- serve <- scrape
//! ```
//!
//! Whatever happens on the host, the number of series and the memory have a bound: see [`Settings`], and
//! `docs/metrics.md` for what that does to counters.

mod baseline;
mod blocked;
mod candidates;
mod catalogue;
mod count;
mod enforcement;
mod error;
mod executables;
mod family;
mod fixed;
mod frequent;
mod label;
mod latencies;
mod meaning;
mod metrics;
mod openmetrics;
mod page;
mod peers;
mod server;
mod settings;
mod sink;
mod state;
mod top;

pub use self::catalogue::{Kind, MetricInfo, catalogue};
pub use self::error::Error;
pub use self::metrics::{Format, Metrics};
pub use self::page::page;
pub use self::server::{Health, Service, serve};
pub use self::settings::Settings;
pub use self::sink::Sink;
