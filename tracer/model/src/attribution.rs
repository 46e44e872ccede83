//! Attribution, capture layers and verdicts.

use serde::{Deserialize, Serialize};

/// How the process of a record was found, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Attribution {
    /// The hook that saw the operation ran in the process's own context, tied to the socket's cookie.
    Cookie,
    /// The 4-tuple was recorded for the process before the first packet was sent.
    Tuple,
    /// `sock_diag` returned the cookie of exactly this socket, and the process of the cookie was known.
    Diag,
    /// A scan of `/proc` found the socket among the process's descriptors. Racy.
    Procfs,
    /// No process could be named without guessing.
    Unknown,
}

/// The capture layer of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layer {
    /// cgroup hooks, `sock_ops` and `sock:*` tracepoints.
    Sockets,
    /// `syscalls:*` tracepoints.
    Syscalls,
    /// `/proc` scans.
    Procfs,
}

impl Layer {
    /// The name in options, records and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sockets => "sockets",
            Self::Syscalls => "syscalls",
            Self::Procfs => "procfs",
        }
    }
}

/// The verdict on a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Allowed.
    Allow,
    /// Allowed, but `enforce` would have blocked it.
    WouldBlock,
    /// Blocked.
    Block,
}
