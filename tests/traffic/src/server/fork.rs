//! A TCP server in which one process accepts and a forked child sends and receives.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{BorrowedFd, OwnedFd};

use anyhow::{Context, Result};
use nix::sys::epoll::EpollFlags;
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, fork, pipe};
use socket2::Socket;

use super::waiter::Waiter;
use super::{Serve, stream};
use crate::report::{Flow, Report};

struct Worker {
    pid: Pid,
    report: OwnedFd,
}

/// Serves until it is asked to stop; returns the reports of its children.
pub(super) fn serve(listener: &Socket, stop: BorrowedFd<'_>) -> Result<Vec<Report>> {
    let mut waiter = Waiter::new(stop)?;
    waiter.add(listener, 0, EpollFlags::EPOLLIN)?;
    let mut workers = Vec::new();
    while let Some(tokens) = waiter.wait(false)? {
        for _ in tokens {
            let (socket, flow) = stream::accept(listener)?;
            workers.push(start(&socket, flow)?);
        }
    }
    workers.into_iter().map(finish).collect()
}

fn start(socket: &Socket, flow: Flow) -> Result<Worker> {
    let (report, to_parent) = pipe().context("cannot make a pipe")?;
    // SAFETY: a server has one thread, so the child may do whatever this process may.
    match unsafe { fork() }.context("cannot fork")? {
        ForkResult::Parent { child } => Ok(Worker { pid: child, report }),
        ForkResult::Child => {
            let status = work(socket, flow, to_parent).map_or_else(report_failure, |()| 0);
            std::process::exit(status)
        }
    }
}

fn report_failure(error: anyhow::Error) -> i32 {
    eprintln!("egret-traffic: {error:#}");
    1
}

fn work(socket: &Socket, mut flow: Flow, to_parent: OwnedFd) -> Result<()> {
    flow.tid = nix::unistd::gettid().as_raw();
    let mut buffer = vec![0; stream::BUFFER];
    while stream::step(Serve::TcpEcho, socket, &mut flow, &mut buffer) {}
    flow.finish(socket);
    let mut report = Report::of(flow);
    "forked".clone_into(&mut report.way);
    let line = serde_json::to_string(&report)?;
    File::from(to_parent).write_all(line.as_bytes()).context("cannot report to the parent")
}

fn finish(worker: Worker) -> Result<Report> {
    let mut line = String::new();
    File::from(worker.report).read_to_string(&mut line).context("cannot read a forked child's report")?;
    waitpid(worker.pid, None).context("cannot wait for a forked child")?;
    serde_json::from_str(&line).with_context(|| format!("a forked child reported {line:?}"))
}
