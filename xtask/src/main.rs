//! `cargo xtask`: sets up, builds, runs, tests and checks egret.
//!
//! It has two dependencies only, because compiling this program is the first thing that a newcomer waits for.

#![forbid(unsafe_code)]

mod apt;
mod bench;
mod bpf;
mod build;
mod check;
mod command;
mod cross;
mod deb;
mod elf;
mod kernels;
mod node;
mod picture;
mod prerequisite;
mod privilege;
mod python;
mod run;
mod setup;
mod test;
mod toolchain;
mod unpacked;
mod words;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Set up, build, run, test and check egret.
///
/// Every command first checks its prerequisites and installs what is missing, and prints what and why; `--no-install` only
/// reports. Start with `cargo xtask run`.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    Setup(setup::Arguments),
    Build(build::Arguments),
    Run(run::Arguments),
    Test(test::Arguments),
    Bench(bench::Arguments),
    Deb(deb::Arguments),
    Check(check::Arguments),
    Picture(picture::Arguments),
}

impl Task {
    fn perform(&self) -> Result<()> {
        match self {
            Self::Setup(arguments) => arguments.perform(),
            Self::Build(arguments) => arguments.perform(),
            Self::Run(arguments) => arguments.perform(),
            Self::Test(arguments) => arguments.perform(),
            Self::Bench(arguments) => arguments.perform(),
            Self::Deb(arguments) => arguments.perform(),
            Self::Check(arguments) => arguments.perform(),
            Self::Picture(arguments) => arguments.perform(),
        }
    }
}

fn main() -> ExitCode {
    match Arguments::parse().task.perform() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
