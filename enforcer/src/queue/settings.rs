//! How the packet path is set up.

use std::io;
use std::time::Duration;

use crate::evaluate::FailurePolicy;
use crate::marks::Marks;
use crate::packet::HEADERS;

/// How the packet path is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Number of the first fast path's queue; those of the others follow, and behind them that of the slow path.
    pub first_queue: u16,
    /// Number of fast paths.
    pub count: u16,
    /// Packets that may wait in each queue, at least; up to a quarter more do. With 4,096, the kernel holds 4 MiB for them
    /// besides the packets themselves.
    pub queue_length: u32,
    /// What the kernel does with packets that find their queue full. What is done with those whose queue nobody reads is
    /// said by the firewall rule.
    pub on_failure: FailurePolicy,
    /// The marks that verdicts leave on packets.
    pub marks: Marks,
    /// Bytes of each packet that are looked at: at least as many as its headers have.
    pub copy_bytes: u16,
    /// How long the slow path waits for the identity of a process.
    pub identify_within: Duration,
    /// How long a packet is held while the digest of its executable is computed.
    pub digest_within: Duration,
    /// How long a packet is held while a person is asked; zero for not at all.
    pub hold: Duration,
    /// How long a verdict is cached. Names change: not for long.
    pub remember: Duration,
    /// egret's own process, whose packets are always allowed.
    pub own_pid: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            first_queue: 0,
            count: 1,
            queue_length: 4096,
            on_failure: FailurePolicy::Open,
            marks: Marks::default(),
            copy_bytes: HEADERS,
            identify_within: Duration::from_millis(200),
            digest_within: Duration::from_millis(300),
            hold: Duration::from_millis(300),
            remember: Duration::from_secs(60),
            own_pid: std::process::id(),
        }
    }
}

/// Why the packet path cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum WorkersError {
    /// There are not as many queues as are asked for.
    #[error("no queues {first} to {first} + {count}: numbers end at 65535, and there is one worker at least")]
    Numbers {
        /// The first one.
        first: u16,
        /// How many fast paths.
        count: u16,
    },
    /// A queue cannot be had: another program reads it, or the kernel has none.
    #[error("cannot read queue {number}")]
    Bind {
        /// Which one.
        number: u16,
        /// Why.
        source: io::Error,
    },
    /// The kernel has no queues, and has found no module that has them.
    #[error(
        "cannot read queue {number}: this kernel has no packet queues; they come with the module nfnetlink_queue, and \
         `modprobe nfnetlink_queue` says why it is not loaded"
    )]
    NoQueues {
        /// Which one.
        number: u16,
        /// What the kernel said.
        source: io::Error,
    },
    /// A queue cannot be set up.
    #[error("cannot set up queue {number}")]
    Configure {
        /// Which one.
        number: u16,
        /// Why.
        source: io::Error,
    },
    /// Nothing can look for owners.
    #[error("cannot look for the owners of packets")]
    Finder(#[source] io::Error),
    /// The kernel does not say how long queues are.
    #[error("cannot read the kernel's table of queues")]
    Table(#[source] io::Error),
    /// A thread cannot be started.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
}
