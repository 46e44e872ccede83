//! The crate as it is used: packets go in, names come out.

mod answers;
mod greetings;
mod hosts;
mod names;
mod packets;
mod properties;
mod recorded;
mod streams;
