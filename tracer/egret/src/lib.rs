//! The parts of the `egret` program.
#![forbid(unsafe_code)]

pub mod args;
pub mod filter;
#[cfg(test)]
mod sample;
pub mod table;
