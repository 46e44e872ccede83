//! This process as the server, its clients as helpers.

use std::os::fd::AsFd;
use std::process::{Child, Stdio};
use std::thread;

use anyhow::{Context, Result};
use nix::unistd::pipe;

use crate::helper::{report_of, this_program};
use crate::options::Options;
use crate::report::{Flow, Report, Role, Transport};
use crate::server::{self, Serve};
use crate::sockets;
use crate::tcp::many::joined;

/// The way `udp-server`: sends back what `--count` client processes send.
pub(crate) fn run(options: &Options) -> Result<Report> {
    let bound = server::bind_all(&[options.loopback(0)])?;
    let mut listening = Flow::new(Role::Server, Transport::Udp);
    bound.iter().for_each(|socket| listening.note_local(socket));
    let address = bound.first().and_then(sockets::local_address).context("a bound socket has no address")?;
    let clients = (0..options.times(5)).map(|_| client(options, address)).collect::<Result<Vec<_>>>()?;
    let (running, last) = pipe().context("cannot make a pipe")?;
    thread::scope(|scope| {
        // It only waits; the traffic stays in this thread, which stops when the pipe ends.
        let waiting = scope.spawn(move || {
            let reports = clients.into_iter().map(report_of).collect::<Result<Vec<_>>>();
            drop(last);
            reports
        });
        let flows = server::serve_datagrams(Serve::UdpEcho, &bound, running.as_fd())?;
        let mut report = Report::of_all(listening, flows);
        report.children = joined(waiting.join())?;
        Ok(report)
    })
}

fn client(options: &Options, address: std::net::SocketAddr) -> Result<Child> {
    this_program()?
        .arg("udp-connected")
        .args(["--peer", &address.to_string()])
        .args(["--bytes", &options.bytes.to_string(), "--size", &options.size.to_string()])
        .args(options.family_arguments())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start a client process")
}
