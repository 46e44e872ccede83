//! Several threads, and special servers.

use std::thread;

use anyhow::{Result, bail};

use super::{client_of, connect, connection, transfer};
use crate::helper::with_server;
use crate::options::Options;
use crate::report::{Flow, Report, Transport};
use crate::server::Serve;

/// The way `tcp-thread`: a thread other than the main one connects.
pub(crate) fn other_thread(options: &Options) -> Result<Report> {
    with_server(options, Serve::TcpEcho, |peer| {
        let one = || connection(options, peer, connect::blocking, transfer::send_recv);
        let flow = thread::scope(|scope| scope.spawn(one).join());
        Ok(Report::of(joined(flow)?))
    })
}

/// The way `thread-storm`: every thread opens `--count` connections one after the other.
pub(crate) fn threads(options: &Options) -> Result<Report> {
    with_server(options, Serve::TcpEcho, |peer| {
        let several = || {
            (0..options.times(100))
                .map(|_| connection(options, peer, connect::blocking, transfer::send_recv))
                .collect::<Result<Vec<_>>>()
        };
        let flows = thread::scope(|scope| {
            let threads: Vec<_> = (0..options.threads).map(|_| scope.spawn(several)).collect();
            threads.into_iter().map(|thread| joined(thread.join())).collect::<Result<Vec<_>>>()
        })?;
        Ok(Report::of_all(Flow::client(Transport::Tcp).with_peer(peer), flows.concat()))
    })
}

/// The result of a thread that may have panicked.
pub(crate) fn joined<T>(result: thread::Result<Result<T>>) -> Result<T> {
    result.unwrap_or_else(|_| bail!("a thread panicked"))
}

/// The way `tcp-fork-accept`: the server that accepts is not the process that sends and receives.
pub(crate) fn fork_accept(options: &Options) -> Result<Report> {
    client_of(options, Serve::TcpFork, connect::blocking, transfer::send_recv)
}

/// The way `tcp-idle-accept`: opened, accepted and closed without a byte.
pub(crate) fn idle_accept(options: &Options) -> Result<Report> {
    client_of(options, Serve::TcpIdle, connect::blocking, |_, _, _, _| Ok(()))
}
