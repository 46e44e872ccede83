//! The `egret` program.
#![forbid(unsafe_code)]

pub mod ask;
pub mod configuration;
mod control;
mod enforce;
pub mod firewall;
pub mod log;
mod losses;
pub mod mode;
mod privilege;
pub mod run;
pub mod status;
pub mod trace;

use egret_capture::{CaptureError, LoadError};
use egret_view::exit;

/// The exit status of an error.
#[must_use]
pub fn status_of(error: &anyhow::Error) -> u8 {
    if error.is::<egret_config::Problems>() {
        return exit::USAGE;
    }
    if let Some(status) = egret_baseline::status_of(error) {
        return status;
    }
    if let Some(not_run) = error.downcast_ref::<trace::NotRun>() {
        return not_run.status();
    }
    let unsupported = error.downcast_ref::<CaptureError>().is_some() || error.downcast_ref::<LoadError>().is_some();
    if unsupported { exit::UNSUPPORTED } else { exit::FAILED }
}
