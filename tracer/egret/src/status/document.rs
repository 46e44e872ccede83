//! What there is to say.

use std::net::SocketAddr;
use std::path::PathBuf;

use egret_model::snapshot::Snapshot;
use serde::Serialize;

use super::usage::Usage;

/// What the daemon says of itself. Keys are only ever added.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Status {
    /// Of the daemon.
    pub(crate) version: &'static str,
    pub(crate) pid: u32,
    /// Seconds since its start.
    pub(crate) uptime_seconds: u64,
    /// Whether it still starts: then this, version, process and time are all there is to say.
    pub(crate) starting: bool,
    /// Whether it drains its sinks before it ends.
    pub(crate) stopping: bool,
    #[serde(flatten)]
    pub(crate) snapshot: Snapshot,
    pub(crate) listening: Listening,
    pub(crate) configuration: Configuration,
    pub(crate) threads: Vec<Thread>,
    pub(crate) usage: Usage,
    /// What does not work; empty if all is well.
    pub(crate) troubles: Vec<String>,
}

/// Where the daemon can be asked.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Listening {
    pub(crate) control: PathBuf,
    /// Absent where no metrics are served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) metrics: Option<SocketAddr>,
}

/// Where the configuration came from.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Configuration {
    /// The file that was read; absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<PathBuf>,
    /// What to know about it.
    pub(crate) warnings: Vec<String>,
    /// Options whose new values wait for a restart.
    pub(crate) waiting_for_restart: Vec<&'static str>,
}

/// A thread of the daemon.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Thread {
    pub(crate) name: String,
    /// What it is allowed beyond its user's rights.
    pub(crate) capabilities: Vec<String>,
}

/// Who knows.
pub(crate) trait Describe: Send + Sync {
    /// What there is to say now.
    fn describe(&self) -> Status;
}
