//! The configuration of the daemon.
//!
//! Values come from four places, and later ones win: the defaults; OpenTelemetry's variables, which speak to every
//! program of a host; the file, which speaks to egret; egret's own variables, which speak to this run of it. They add up
//! in a draft ([`draft`]) of values that are each right by themselves; [`validate`] looks at them together. Everything
//! that is wrong is reported at once.

mod command;
mod document;
mod draft;
mod environment;
mod file;
mod given;
mod kinds;
mod layer;
mod load;
mod nearest;
mod options;
pub(crate) mod places;
mod problem;
mod reload;
mod secrets;
mod settings;
mod slot;
mod standard;
#[cfg(test)]
mod tests;
mod toml_text;
mod validate;

pub use command::run;
pub use document::{example, reference, show};
pub use given::{Origin, Place};
pub use kinds::{Action, Backend, Loopback, OnFailure, Unattributed};
pub use load::{Loaded, load};
pub use options::Reload;
pub use problem::{Problem, Problems, Warning};
pub use reload::{Change, reload_difference};
pub use settings::{Baseline, Capture, Control, Enforce, EnforceLive, Metrics, Names, Settings};

/// Where the configuration is looked for; that it is not there is fine.
pub const DEFAULT_FILE: &str = "/etc/egret/egret.toml";

/// Where the Parquet log is, unless it is told otherwise.
pub const DEFAULT_LOG_DIRECTORY: &str = "/var/lib/egret/log";

/// Where the baseline is, unless it is told otherwise.
pub const DEFAULT_BASELINE: &str = "/var/lib/egret/baseline";

/// Where the control socket is, unless it is told otherwise.
pub const DEFAULT_SOCKET: &str = "/run/egret/egret.sock";
