//! Tests of the crate by its interface: packets are the input, names the output.

mod answers;
mod evidence;
mod hello;
mod hosts;
mod names;
mod packets;
mod properties;
mod recorded;
mod saved;
mod streams;
