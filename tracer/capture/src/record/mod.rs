//! Decoding the bytes of a ring, which are not trusted, into records.

mod bytes;
mod decode;
#[cfg(test)]
mod tests;

pub use decode::{DecodeError, Exec, NamePacket, Record, decode};
