//! Errors of listing sockets.

use std::io;

use egret_model::Transport;

/// Why the kernel did not list sockets.
#[derive(Debug, thiserror::Error)]
pub enum DiagError {
    /// No netlink socket.
    #[error("cannot open a sock_diag netlink socket")]
    Open(#[source] io::Error),
    /// The request could not be sent, or its answer not received.
    #[error("cannot ask sock_diag for {} sockets", .transport.as_str())]
    Request {
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
    /// An answer is truncated, or of another kind.
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
    /// Whether the kernel has no such list (a module or protocol that is not built in).
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

    /// Whether a network namespace may not be entered: the privilege is missing, or was dropped.
    #[must_use]
    pub fn may_not_enter(&self) -> bool {
        matches!(self, Self::Enter { source, .. } if source.kind() == io::ErrorKind::PermissionDenied)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_privilege_differs_from_a_missing_namespace() {
        let enter = |errno| DiagError::Enter { netns: 1, source: io::Error::from_raw_os_error(errno) };
        assert!(enter(libc::EPERM).may_not_enter() && enter(libc::EACCES).may_not_enter());
        assert!(!enter(libc::ENOENT).may_not_enter());
        assert!(!DiagError::Open(io::Error::from_raw_os_error(libc::EPERM)).may_not_enter());
    }
}
