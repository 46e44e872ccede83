//! `cargo xtask bench`: what tracing costs the host, what it catches, and where it begins to lose.
//!
//! Everything compared is measured in one run, interleaved, and reported as a ratio with its spread: absolute
//! times belong to one machine. Nothing here passes or fails on a time; a missed aim is written down as missed.
#![forbid(unsafe_code)]

mod collector;
mod host;
mod options;
mod report;
mod statistics;
mod trace;
mod workload;

use std::process::ExitCode;

use clap::Parser as _;

use crate::options::{Benchmark, Options};

fn main() -> ExitCode {
    let Options { benchmark: Benchmark::Trace(options) } = Options::parse();
    match trace::run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("egret-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}
