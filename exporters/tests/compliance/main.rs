//! One suite for all sinks: in every condition of the destination, every event is accounted for, drops have the
//! expected reason, and the destination has the sent events.
//!
//! A scenario that does not apply to a sink is listed as ignored, with the reason in brackets.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod json;
mod load;
mod mounts;
mod otlp;
mod parquet;
mod prometheus;
#[path = "../support/running.rs"]
mod running;
mod scenarios;
mod subject;
mod trial;

use std::process::ExitCode;
use std::sync::Arc;

use egret_exporters::otlp::Protocol;
use libtest_mimic::{Arguments, Trial};
use nix::unistd::geteuid;
use tempfile::TempDir;

use scenarios::Scenario;
use subject::{Expected, Subject};

fn main() -> ExitCode {
    let subjects: [Arc<dyn Subject>; 6] = [
        Arc::new(json::ToFile),
        Arc::new(json::ToPipe),
        Arc::new(otlp::ToCollector(Protocol::Grpc)),
        Arc::new(otlp::ToCollector(Protocol::Http)),
        Arc::new(parquet::ToFiles),
        Arc::new(prometheus::ToMetrics),
    ];
    let trials = subjects.into_iter().flat_map(|subject| Scenario::ALL.map(|scenario| trial(&subject, scenario)));
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}

fn trial(subject: &Arc<dyn Subject>, scenario: Scenario) -> Trial {
    let name = format!("{}::{}", subject.name(), scenario.name());
    let tested = Arc::clone(subject);
    let trial = Trial::test(name, move || {
        put(&*tested, scenario);
        Ok(())
    });
    match subject.expects(scenario) {
        Expected::Inapplicable(reason) => trial.with_kind(reason).with_ignored_flag(true),
        _ if scenario == Scenario::FullDisk && !geteuid().is_root() => {
            trial.with_kind("needs root").with_ignored_flag(true)
        }
        _ => trial,
    }
}

fn put(subject: &dyn Subject, scenario: Scenario) {
    let directory = TempDir::new().unwrap();
    let run = || scenario.run(subject, directory.path());
    if scenario == Scenario::FullDisk { mounts::with_small_disk(directory.path(), "1m", run) } else { run() }
}
