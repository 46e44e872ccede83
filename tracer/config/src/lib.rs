//! The configuration of the daemon.
//!
//! Values come from four sources, and later ones win: the defaults; OpenTelemetry's variables, which speak to every
//! program of a host; the file, which speaks to egret; egret's own variables, which speak to this run of it. Each source
//! is a raw configuration (`raw`); together they are the merged configuration (`merged`), whose values are each right
//! by themselves; `validate` looks at them together and makes the settings. Every diagnostic is reported at once.
//!
//! An option is stated once, in `options`.
#![forbid(unsafe_code)]

mod accounts;
mod choice;
mod diagnostics;
pub mod kind;
mod load;
mod merged;
mod options;
mod pages;
pub mod places;
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
pub use raw::{Origin, Place};
pub use reload::{Change, reload_difference};
pub use settings::{EnforceSettings, HOSTS, Metrics, Settings};
pub use value::{duration, log_filter, ring_bytes};

/// Where the configuration is looked for; that it is not there is fine.
pub const DEFAULT_FILE: &str = "/etc/egret/egret.toml";

/// Where the Parquet log is, unless another place is configured.
pub const DEFAULT_LOG_DIRECTORY: &str = "/var/lib/egret/log";

/// Where the baseline is, unless another place is configured.
pub const DEFAULT_BASELINE: &str = "/var/lib/egret/baseline";

/// Where the control socket is, unless another place is configured.
pub const DEFAULT_SOCKET: &str = "/run/egret/egret.sock";
