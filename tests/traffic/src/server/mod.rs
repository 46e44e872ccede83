//! The peer of the other ways: listens, prints its addresses in one JSON line, serves until its standard input ends,
//! and then reports as any other way.

mod datagram;
mod fork;
mod stream;
mod waiter;

use std::io::Write;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

pub(crate) use datagram::{bind_all, serve as serve_datagrams};

use crate::options::Options;
use crate::report::{Flow, Report, Role, Transport};
use crate::sockets;

/// How a server responds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Serve {
    /// Send everything back.
    TcpEcho,
    /// Read everything.
    TcpSink,
    /// Close at once what was accepted.
    TcpClose,
    /// Accept, never send or receive, close when the peer does.
    TcpIdle,
    /// Accept, and let a forked child send everything back.
    TcpFork,
    /// Send every datagram back.
    UdpEcho,
    /// Read every datagram.
    UdpSink,
    /// Send back what came, with `UDP_GRO` merging datagrams.
    UdpGro,
    /// Bind and never read.
    UdpHold,
}

/// A report with more flows has only their sum.
const FLOWS_REPORTED: usize = 10_000;

/// The way `server`.
pub(crate) fn run(options: &Options) -> Result<Report> {
    let stdin = std::io::stdin();
    match options.serve {
        Serve::UdpEcho | Serve::UdpSink | Serve::UdpGro | Serve::UdpHold => datagrams(options, stdin.as_fd()),
        Serve::TcpEcho | Serve::TcpSink | Serve::TcpClose | Serve::TcpIdle | Serve::TcpFork => {
            streams(options, stdin.as_fd())
        }
    }
}

fn streams(options: &Options, stop: BorrowedFd<'_>) -> Result<Report> {
    let [address] = options.listen.as_slice() else { bail!("a tcp server takes one --listen") };
    let listener = sockets::listener(*address)?;
    announce(&[sockets::local_address(&listener).context("a bound socket has no address")?])?;
    let mut listening = Flow::new(Role::Server, Transport::Tcp);
    listening.note_local(&listener);
    if options.serve == Serve::TcpFork {
        let children = fork::serve(&listener, stop)?;
        let mut report = Report::of(listening);
        report.children = children;
        return Ok(report);
    }
    let flows = stream::serve(options.serve, &listener, stop)?;
    Ok(report(listening, flows))
}

fn datagrams(options: &Options, stop: BorrowedFd<'_>) -> Result<Report> {
    let bound = bind_all(&options.listen)?;
    announce(&bound.iter().filter_map(sockets::local_address).collect::<Vec<_>>())?;
    let mut listening = Flow::new(Role::Server, Transport::Udp);
    if let [only] = bound.as_slice() {
        listening.note_local(only);
    }
    Ok(report(listening, serve_datagrams(options.serve, &bound, stop)?))
}

fn report(listening: Flow, flows: Vec<Flow>) -> Report {
    let count = flows.len();
    let mut report = Report::of_all(listening, flows);
    if count > FLOWS_REPORTED {
        report.flows.clear();
    }
    report.detail("flows", count)
}

fn announce(addresses: &[SocketAddr]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, addresses)?;
    writeln!(out).and_then(|()| out.flush()).context("cannot say where the server listens")
}
