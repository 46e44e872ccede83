//! Traffic that egret must not report, and calls that it must not slow down.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::options::Options;
use crate::report::{Flow, Report, Transport};
use crate::tcp::transfer::exchange;

/// The way `unix`: bytes through a pair of `AF_UNIX` sockets and back.
pub(crate) fn unix(options: &Options) -> Result<Report> {
    let (mut near, far) = UnixStream::pair().context("cannot make a socket pair")?;
    let (data, mut buffer) = (vec![0x5a; crate::tcp::transfer::CHUNK], vec![0; crate::tcp::transfer::CHUNK]);
    let (mut writer, mut answer) = (&near, &far);
    let mut flow = Flow::client(Transport::Unix);
    let mut send = |n: usize| {
        let sent = writer.write(&data[..n])?;
        // The far end sends back what it got, so that bytes move both ways.
        let mut echo = vec![0; sent];
        answer.read_exact(&mut echo)?;
        answer.write_all(&echo)?;
        Ok(sent)
    };
    let mut reader = near.try_clone().context("cannot duplicate a socket")?;
    exchange(&mut flow, options, &mut send, &mut |n| reader.read(&mut buffer[..n]));
    near.flush().context("cannot flush a socket")?;
    flow.finish(&near);
    Ok(Report::of(flow))
}

/// The way `getppid`: `--count` calls that have nothing to do with the network, and how long they took.
pub(crate) fn getppid(options: &Options) -> Result<Report> {
    let count = options.times(1_000_000);
    let begin = Instant::now();
    for _ in 0..count {
        // SAFETY: the call takes no arguments and touches no memory.
        unsafe { libc::syscall(libc::SYS_getppid) };
    }
    let nanoseconds = u64::try_from(begin.elapsed().as_nanos())?;
    let report = Report::of(Flow::client(Transport::None));
    Ok(report.detail("calls", count).detail("elapsed_ns", nanoseconds))
}
