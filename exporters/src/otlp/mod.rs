//! OpenTelemetry spans over OTLP.
//!
//! ```text
//! queue -> encoder (spans of an event) -> sink (a request, batched) -> client (gRPC or HTTP, with retries)
//! ```
//!
//! egret encodes the requests itself instead of using `opentelemetry-otlp`, which only logs rejected spans and retries on its own:
//! the account of drops would not be exact.

mod client;
mod config;
mod encoder;
mod own_spans;
mod sink;

pub use self::config::{ClientIdentity, Error, Protocol, Settings};
pub use self::own_spans::{provider, scope};
pub use self::sink::Sink;
