//! OpenTelemetry spans over OTLP.
//!
//! ```text
//! queue -> span (events become encoded spans) -> request (a batch) -> delivery (retries) -> client (gRPC, HTTP)
//! ```
//!
//! Requests are put together here and not by `opentelemetry-otlp`, because that only logs what a collector rejected and
//! tries again out of our sight: the account of drops would not be exact.

mod client;
mod delivery;
mod error;
mod host;
mod own_work;
mod request;
mod resource;
mod retry;
mod settings;
mod sink;
mod span;
mod wire;

pub use error::Error;
pub use own_work::{provider, scope};
pub use settings::{ClientIdentity, Protocol, Settings};
pub use sink::Sink;
