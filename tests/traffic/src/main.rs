//! Makes one kind of network traffic and prints one JSON line about exactly what it did.
//!
//! The end-to-end tests compare this report with what egret saw, so every count in it comes from the result
//! of a system call, never from what was intended. Whatever peer a way needs runs in a process of its own
//! (this program again, as `server`): the endpoints of a connection have different owners.

mod control;
mod hand;
mod helper;
mod netns;
mod options;
mod packet;
mod raw;
mod replaced;
mod report;
mod server;
mod sockets;
mod storm;
mod tcp;
mod udp;
mod uring;
mod ways;

use std::io::{Read, Write};
use std::process::ExitCode;
use std::thread;

use anyhow::{Context, Result};
use clap::Parser;

use crate::options::Options;
use crate::report::Report;
use crate::ways::Way;

fn main() -> ExitCode {
    // First, because a short-lived process has no time to parse arguments.
    if let Some(status) = tcp::short::one_shot() {
        return status;
    }
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("egret-traffic: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    if options.way == Way::List {
        return list();
    }
    if options.wait_stdin {
        std::io::stdin().read_to_end(&mut Vec::new()).context("cannot read stdin")?;
    }
    if let Some(mut report) = options.way.run(options)? {
        report.way = options.way.name();
        print(&report)?;
    }
    thread::sleep(options.delay());
    Ok(())
}

fn list() -> Result<()> {
    let mut out = std::io::stdout().lock();
    for (name, help) in Way::all() {
        writeln!(out, "{name}\t{help}")?;
    }
    Ok(())
}

/// Writes the line at once: several processes may share the pipe.
fn print(report: &Report) -> Result<()> {
    let mut line = serde_json::to_string(report)?;
    line.push('\n');
    let mut out = std::io::stdout().lock();
    out.write_all(line.as_bytes()).and_then(|()| out.flush()).context("cannot write the report")
}
