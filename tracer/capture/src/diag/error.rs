//! What can go wrong when the kernel is asked for sockets.

use std::io;

use egret_model::Transport;

/// Why the kernel did not list sockets.
#[derive(Debug, thiserror::Error)]
pub enum DiagError {
    /// No netlink socket.
    #[error("cannot open a sock_diag netlink socket")]
    Open(#[source] io::Error),
    /// The question was not taken.
    #[error("cannot ask sock_diag for {} sockets", .transport.as_str())]
    Ask {
        /// Of what.
        transport: Transport,
        /// Why.
        source: io::Error,
    },
    /// The kernel has no list of this kind, or refuses it.
    #[error("sock_diag refuses to list {} sockets", .transport.as_str())]
    Refused {
        /// Of what.
        transport: Transport,
        /// The errno that it gave.
        source: io::Error,
    },
    /// An answer is shorter than it says, or not one at all.
    #[error("malformed sock_diag answer about {} sockets", .transport.as_str())]
    Malformed {
        /// About what.
        transport: Transport,
    },
    /// A network namespace could not be entered.
    #[error("cannot enter network namespace {netns}")]
    Enter {
        /// Its inode number.
        netns: u32,
        /// Why.
        source: io::Error,
    },
    /// `/proc` has no such table, or it cannot be read.
    #[error("cannot read /proc/net/{table}")]
    Table {
        /// Name of the file.
        table: &'static str,
        /// Why.
        source: procfs::ProcError,
    },
}

impl DiagError {
    /// The kernel simply has no such list (a module or protocol that is not built in).
    #[must_use]
    pub fn is_unsupported(&self) -> bool {
        match self {
            Self::Refused { source, .. } => matches!(
                source.raw_os_error(),
                Some(libc::ENOENT | libc::EINVAL | libc::EPROTONOSUPPORT | libc::EOPNOTSUPP | libc::EAFNOSUPPORT)
            ),
            Self::Table { source, .. } => matches!(source, procfs::ProcError::NotFound(_)),
            _ => false,
        }
    }
}
