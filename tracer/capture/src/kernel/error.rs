//! Errors of loading the kernel side.

use aya::EbpfError;
use aya::programs::ProgramError;
use thiserror::Error;

/// Why the kernel side could not be loaded.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The kernel refused the object.
    #[error("the kernel refused egret's programs: {0}")]
    Object(#[from] EbpfError),
    /// One program could not be loaded or attached.
    #[error("the kernel refuses program {name}, which cannot be {step}: {source}")]
    Program {
        /// Which program.
        name: &'static str,
        /// `loaded` or `attached`.
        step: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// The object lacks a program or map: it is of another build.
    #[error("the embedded object has no {0}; build egret again")]
    Missing(&'static str),
    /// A map could not be used.
    #[error("map {name} cannot be used: {source}")]
    Map {
        /// Which map.
        name: &'static str,
        /// Why.
        source: aya::maps::MapError,
    },
    /// The table of totals could not be mapped.
    #[error("map TOTALS cannot be mapped: {source}")]
    Totals {
        /// Why.
        source: std::io::Error,
    },
    /// The cgroup hierarchy could not be opened.
    #[error("cannot open the cgroup hierarchy at {path}: {source}")]
    Cgroup {
        /// Where it should be.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// tracefs cannot be read.
    #[error("tracefs is not mounted or not readable; mount it with `mount -t tracefs tracefs /sys/kernel/tracing`")]
    NoTracefs,
    /// Starts of processes are not seen.
    #[error(
        "a command cannot be followed: without the kernel's types and without tracefs the processes that it starts \
         are not seen; mount tracefs with `mount -t tracefs tracefs /sys/kernel/tracing`"
    )]
    CannotFollow,
    /// The network namespace that is enforced has no cookie.
    #[error("the network namespace has no cookie (SO_NETNS_COOKIE, Linux 5.14): {0}")]
    Namespace(#[source] std::io::Error),
    /// There is no cgroup v2 hierarchy.
    #[error("no cgroup v2 hierarchy is mounted; mount one with `mount -t cgroup2 none /sys/fs/cgroup/unified`")]
    NoCgroup,
}

impl LoadError {
    /// An error of one program. The verifier's log can be megabytes long, and is logged at level debug only.
    pub(super) fn refused(name: &'static str, step: &'static str, source: ProgramError) -> Self {
        let source = match source {
            ProgramError::LoadError { io_error, verifier_log } => {
                tracing::debug!(name, %verifier_log, "the kernel refused a program");
                io_error
            }
            ProgramError::SyscallError(error) => error.io_error,
            other => std::io::Error::other(other),
        };
        Self::Program { name, step, source }
    }
}
