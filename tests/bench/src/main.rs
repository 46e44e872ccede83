//! `cargo xtask bench`: what tracing costs the host, what it catches, where it begins to lose,
//! what becomes of events on their way out, and what new connections pay for being judged.
//!
//! Everything compared is measured in one run, interleaved, and reported as a ratio with its spread: absolute
//! times belong to one machine. Nothing here passes or fails on a time; a missed aim is written down as missed.
#![forbid(unsafe_code)]

mod collector;
mod enforce;
mod export;
mod host;
mod options;
mod receiver;
mod report;
mod statistics;
mod trace;
mod workload;

use std::process::ExitCode;

use clap::Parser as _;

use crate::options::{Benchmark, Options};

fn main() -> ExitCode {
    let done = match Options::parse().benchmark {
        Benchmark::Trace(options) => trace::run(&options),
        Benchmark::Export(options) => export::run(&options),
        Benchmark::Enforce(options) => enforce::run(&options),
        Benchmark::Receive => receiver::receive(),
        Benchmark::Connect { address } => enforce::connect(address),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("egret-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}
