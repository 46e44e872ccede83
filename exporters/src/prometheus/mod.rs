//! Prometheus metrics: counters of connections, and the state of egret.
//!
//! ```text
//! queue -> sink -> metrics (counters, updated by batch) <- server <- scrape
//!                         snapshot (state, read by scrape) <-'
//! ```
//!
//! The number of series and the memory are limited, whatever happens on the host: see [`Settings`], and `docs/metrics.md` for the
//! consequences for counters.
//!
//! Prometheus pulls metrics, so that this sink has a [`server`] where the others have a client.

mod config;
mod counters;
mod encoder;
mod metrics;
mod page;
mod server;
mod sink;
mod state;

pub use self::config::{Error, Settings};
pub use self::encoder::catalogue::{Kind, MetricInfo, catalogue};
pub use self::metrics::{Format, Metrics};
pub use self::page::page;
pub use self::server::{Health, Service, serve};
pub use self::sink::Sink;
