//! JSON lines: one object an event, keys from [`crate::names`].
//!
//! An unknown value has no key: there is no `null`, no empty string and no zero that stands for "unknown".

mod client;
mod config;
mod encoder;
mod read;
mod sink;

pub use self::config::{Destination, Error, Settings};
pub use self::encoder::{Writer, write_event};
pub use self::read::{ReadError, read_event};
pub use self::sink::{Reopener, Sink};
