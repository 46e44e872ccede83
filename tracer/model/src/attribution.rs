//! How sure egret is, and how it came to know.

use serde::{Deserialize, Serialize};

/// How the process of a record was found, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Attribution {
    /// The hook that saw the operation ran in the process's own context, tied to the socket's cookie.
    Cookie,
    /// The 4-tuple was recorded for the process before the first packet left.
    Tuple,
    /// `sock_diag` gave the cookie of exactly this socket, and the cookie's process was known.
    Diag,
    /// A scan of `/proc` found the socket among the process's descriptors. Racy.
    Procfs,
    /// Nobody can be named without guessing.
    Unknown,
}

/// The capture layer a record came from.
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
    /// The name used in options, records and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sockets => "sockets",
            Self::Syscalls => "syscalls",
            Self::Procfs => "procfs",
        }
    }
}

/// What enforcement did, or would have done, with a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Let through.
    Allow,
    /// Let through, but enforcing would have blocked it.
    WouldBlock,
    /// Blocked.
    Block,
}
