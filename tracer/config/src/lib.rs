//! The configuration of the daemon.
//!
//! Values come from four sources, in order of precedence from low to high: the defaults; OpenTelemetry's variables, which
//! apply to every program of a host; the file; egret's own variables, which apply to one run. Each source gives a raw
//! configuration (`raw`). Their union is the merged configuration (`merged`), in which each value is valid by itself.
//! `validate` checks the values together and makes the settings. All diagnostics are reported at once.
//!
//! Each option is declared once, in `options`.
#![forbid(unsafe_code)]

mod accounts;
mod choice;
mod diagnostics;
mod enforcer;
pub mod kind;
mod load;
mod merged;
mod options;
mod pages;
pub mod paths;
mod raw;
mod reload;
mod settings;
mod sources;
#[cfg(test)]
mod tests;
mod toml_text;
mod validate;
mod value;

pub use accounts::Account;
pub use choice::{Choice, Loopback};
pub use diagnostics::{Problem, Problems, Warning};
pub use load::{Loaded, load};
pub use options::{Baseline, Capture, Control, Enforce, Names, Reload};
pub use pages::{example, reference, show};
pub use raw::{Location, Origin};
pub use reload::{Change, reload_difference};
pub use settings::{EnforceSettings, HOSTS, Metrics, Settings};
pub use value::{duration, log_filter, ring_bytes};

/// The configuration file if none is named. It does not have to exist.
pub const DEFAULT_FILE: &str = "/etc/egret/egret.toml";

/// Default of `parquet.destination`.
pub const DEFAULT_LOG_DIRECTORY: &str = "/var/lib/egret/log";

/// Default of `baseline.file`.
pub const DEFAULT_BASELINE: &str = "/var/lib/egret/baseline";

/// Default of `control.socket`.
pub const DEFAULT_SOCKET: &str = "/run/egret/egret.sock";
