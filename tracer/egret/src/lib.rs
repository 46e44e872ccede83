//! The parts of the `egret` program.
#![forbid(unsafe_code)]

pub mod args;
pub mod ask;
pub mod baseline;
pub mod config;
mod control;
pub mod doctor;
mod enforce;
pub mod filter;
pub mod firewall;
pub mod history;
pub mod log;
mod losses;
pub mod mode;
mod privilege;
pub mod run;
#[cfg(test)]
mod sample;
pub mod status;
pub mod table;
pub mod trace;

use egret_capture::{CaptureError, LoadError};

/// The exit status that an error calls for.
#[must_use]
pub fn status_of(error: &anyhow::Error) -> u8 {
    if error.is::<config::Problems>() {
        return args::exit::USAGE;
    }
    if let Some(status) = baseline::status_of(error) {
        return status;
    }
    let unsupported = error.downcast_ref::<CaptureError>().is_some() || error.downcast_ref::<LoadError>().is_some();
    if unsupported { args::exit::UNSUPPORTED } else { args::exit::FAILED }
}
