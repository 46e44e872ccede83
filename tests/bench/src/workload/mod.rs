//! Tight loops whose speed under tracing is compared.
//!
//! A loop runs in a thread of its own on the first CPU. The thread of the peer, where there is one, runs on the
//! last; a loop without such a thread plays both parts, so that no wake-up is in its time. Sockets are made anew for
//! each sample, while the tracer runs, and what comes before the loop is not timed.

mod calls;
mod connect;
mod datagrams;
mod stream;

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use crate::host::{own_cpu_time, pin};
use crate::options::TraceOptions;

pub(crate) use datagrams::dropping;

/// A running loop.
pub(crate) trait Workload {
    /// Repeats the operation.
    fn run(&mut self, operations: u64) -> Result<()>;
}

/// A loop that can be run.
pub(crate) struct Kind {
    /// The name in tables.
    pub(crate) name: &'static str,
    /// What one operation is.
    pub(crate) operation: &'static str,
    /// Creates its resources; the argument is the CPU for the peer.
    make: fn(usize) -> Result<Box<dyn Workload>>,
}

impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// All of them, in the order of the tables.
pub(crate) static ALL: &[Kind] = &[
    Kind { name: "getppid", operation: "the call: a system call that no tracer has to do with", make: calls::getppid },
    Kind {
        name: "unix-datagram",
        operation: "send and receive of 64 bytes in one thread: a socket that no tracer has to do with",
        make: datagrams::unix,
    },
    Kind {
        name: "tcp-connect",
        operation: "connect, wait for the server thread to accept and close, close (FIN both ways; 64 addresses of the \
                    server in turn, because its socket of each connection lingers)",
        make: connect::with_server,
    },
    Kind {
        name: "tcp-connect-reset",
        operation: "connect, accept and close both sockets in one thread (SO_LINGER of zero, so RST and nothing lingers)",
        make: connect::alone,
    },
    Kind {
        name: "udp-one-peer",
        operation: "sendto of 64 bytes, always to the same peer, whose socket filter drops them",
        make: datagrams::one_peer,
    },
    Kind { name: "udp-connected", operation: "the same with send on a connected socket", make: datagrams::connected },
    Kind { name: "udp-64-peers", operation: "sendto of 64 bytes to 64 peers in turn", make: datagrams::few_peers },
    Kind {
        name: "udp-4096-peers",
        operation: "sendto of 64 bytes to 4,096 peers in turn",
        make: datagrams::many_peers,
    },
    Kind {
        name: "udp-receive",
        operation: "send on a connected socket and receive of 64 bytes in one thread",
        make: datagrams::received,
    },
    Kind {
        name: "tcp-transfer",
        operation: "1 MiB written to one long connection and read by the server thread",
        make: stream::transfer,
    },
    Kind {
        name: "tcp-ping-pong",
        operation: "64 bytes there and back on one long connection, both sockets in one thread",
        make: stream::ping_pong,
    },
];

/// Duration of a sample.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    /// Wall-clock time.
    pub(crate) wall: Duration,
    /// CPU time of all threads of this process.
    pub(crate) cpu: Duration,
}

/// A loop, and its repetitions in a sample.
pub(crate) struct Calibrated {
    pub(crate) kind: &'static Kind,
    pub(crate) operations: u64,
}

impl Kind {
    /// Times this many operations.
    pub(crate) fn time(&self, operations: u64, cpus: usize) -> Result<Taken> {
        let measure = || {
            pin(0)?;
            let mut workload = (self.make)(cpus.saturating_sub(1))?;
            workload.run(operations / 20 + 1)?;
            let (begin, cpu) = (Instant::now(), own_cpu_time()?);
            workload.run(operations)?;
            Ok(Taken { wall: begin.elapsed(), cpu: own_cpu_time()?.saturating_sub(cpu) })
        };
        // A separate thread: threads that this one starts would inherit its CPU.
        thread::scope(|scope| scope.spawn(measure).join()).map_err(|_| anyhow!("{} broke down", self.name))?
    }

    /// Finds how many operations take about `target`.
    fn calibrate(&'static self, target: Duration, cpus: usize) -> Result<Calibrated> {
        let mut operations = 16;
        loop {
            let taken = self.time(operations, cpus)?.wall;
            if taken * 4 >= target {
                let scale = target.as_secs_f64() / taken.as_secs_f64();
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count far below 2^53")]
                let operations = (operations as f64 * scale) as u64;
                return Ok(Calibrated { kind: self, operations: operations.max(1) });
            }
            operations *= 2;
        }
    }
}

/// The selected loops, calibrated without tracing.
pub(crate) fn calibrated(options: &TraceOptions, cpus: usize) -> Result<Vec<Calibrated>> {
    let wanted = ALL.iter().filter(|kind| options.wants_workload(kind.name));
    wanted.map(|kind| kind.calibrate(options.sample(), cpus)).collect()
}

/// An endless workload of connections, for storms.
pub(crate) fn connections() -> Result<Box<dyn Workload>> {
    connect::alone(0)
}

/// Datagrams to 65,535 peers in turn: four times as many as the kernel side keeps.
pub(crate) fn new_peers() -> Result<Box<dyn Workload>> {
    datagrams::to_peers(u16::MAX)
}
