//! The parts of the `egret` program.
#![forbid(unsafe_code)]

pub mod args;
pub mod doctor;
pub mod filter;
pub mod log;
#[cfg(test)]
mod sample;
pub mod table;
pub mod trace;

use egret_capture::CaptureError;

/// The exit status that an error calls for.
#[must_use]
pub fn status_of(error: &anyhow::Error) -> u8 {
    if error.downcast_ref::<CaptureError>().is_some() { args::exit::UNSUPPORTED } else { args::exit::FAILED }
}
