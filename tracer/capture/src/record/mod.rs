//! From the bytes of a ring to records, without trusting a single one.

mod bytes;
mod decode;
#[cfg(test)]
mod tests;

pub use decode::{DecodeError, Exec, NamePacket, Record, decode};
