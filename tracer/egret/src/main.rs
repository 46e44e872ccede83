//! egret: connection tracing with processes, and enforcement of a baseline.
#![forbid(unsafe_code)]

use std::io::{self, Write};
use std::process::ExitCode;

use egret::{ask, configuration, firewall, mode, run, status, trace};
use egret_args::Invocation;
use egret_view::{exit, history};

fn main() -> ExitCode {
    let log = egret::log::start();
    let invocation = match egret_args::parse(std::env::args_os()) {
        Ok(invocation) => invocation,
        Err(error) => {
            // A closed pipe is not an error.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(exit::USAGE));
        }
    };
    let done = match invocation {
        Invocation::Trace(options) => trace::run(&options, &log),
        Invocation::Run(options) => run::run(options.config, &log),
        Invocation::Status(options) => status::run(&options),
        Invocation::Log(options) => history::run(&options),
        Invocation::Report(options) => egret_report::run(&options),
        Invocation::Baseline(command) => egret_baseline::run(&command),
        Invocation::Mode(options) => mode::run(&options),
        Invocation::Ask(options) => ask::run(&options),
        Invocation::Firewall(command) => firewall::run(&command),
        Invocation::Doctor(options) => egret_doctor::run(&options),
        Invocation::Config(command) => configuration::run(&command),
        Invocation::Print(text) => io::stdout().write_all(&text).map(|()| exit::DONE).map_err(Into::into),
    };
    ExitCode::from(done.unwrap_or_else(|error| {
        eprintln!("egret: {error:#}");
        egret::status_of(&error)
    }))
}
