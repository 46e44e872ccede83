//! The status document.

use std::net::SocketAddr;
use std::path::PathBuf;

use egret_model::snapshot::Snapshot;
use serde::Serialize;

use super::usage::Usage;

/// The state of the daemon. Keys are only added, never removed.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Status {
    pub(crate) version: &'static str,
    pub(crate) pid: u32,
    pub(crate) uptime_seconds: u64,
    /// While egret starts there are only this key, version, pid and uptime.
    pub(crate) starting: bool,
    /// Whether sinks are being drained.
    pub(crate) stopping: bool,
    #[serde(flatten)]
    pub(crate) snapshot: Snapshot,
    pub(crate) listening: Listening,
    pub(crate) configuration: Configuration,
    pub(crate) threads: Vec<Thread>,
    pub(crate) usage: Usage,
    /// Parts that do not work.
    pub(crate) troubles: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Listening {
    pub(crate) control: PathBuf,
    /// Absent without metrics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) metrics: Option<SocketAddr>,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Configuration {
    /// Absent without a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<PathBuf>,
    pub(crate) warnings: Vec<String>,
    /// Options with changes that wait for a restart.
    pub(crate) waiting_for_restart: Vec<&'static str>,
}

/// A thread of the daemon.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Thread {
    pub(crate) name: String,
    pub(crate) capabilities: Vec<String>,
}

pub(crate) trait Describe: Send + Sync {
    fn describe(&self) -> Status;
}
