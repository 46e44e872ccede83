//! The scenarios for each sink.

use std::fs;
use std::path::Path;

use egret_exporters::sink::DropReason;

use crate::load::BATCH;
use crate::subject::{Condition, Subject};
use crate::trial::Trial;

/// Events beyond the capacity, many more than [`SMALL_QUEUE`].
const MANY: u64 = 120_000;
/// Events that the destination takes completely.
const SOME: u64 = 20_000;
/// A capacity for few events.
const SMALL_QUEUE: usize = 5_000;
/// A capacity for all events.
const LARGE_QUEUE: usize = 1 << 20;
/// Fills half of a small disk.
const BALLAST_BYTES: usize = 512 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// More events than the sink can take.
    Load,
    /// The destination does not exist.
    Dead,
    /// The destination is slow.
    Slow,
    /// The disk is full, and later has space again.
    FullDisk,
    /// The destination disappears while events arrive, and returns.
    Restart,
    /// The shutdown begins while events are queued, and there is time to send them.
    Drain,
    /// The shutdown begins while events are queued, and the destination does not accept them.
    Abandon,
}

impl Scenario {
    pub(crate) const ALL: [Self; 7] =
        [Self::Load, Self::Dead, Self::Slow, Self::FullDisk, Self::Restart, Self::Drain, Self::Abandon];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Dead => "dead_destination",
            Self::Slow => "slow_destination",
            Self::FullDisk => "full_disk",
            Self::Restart => "restart_of_destination",
            Self::Drain => "shutdown_drains",
            Self::Abandon => "shutdown_abandons",
        }
    }

    /// Runs the scenario with a sink. `directory` is empty, and on a disk of a megabyte in the scenario of a full disk.
    pub(crate) fn run(self, subject: &dyn Subject, directory: &Path) {
        let (condition, queue_events, course) = self.script();
        let destination = subject.destination(directory, condition);
        if let Some(trial) = Trial::start(destination, subject.expects(self), queue_events) {
            course(trial, directory);
        }
    }

    fn script(self) -> (Condition, usize, fn(Trial, &Path)) {
        match self {
            Self::Load => (Condition::Healthy, SMALL_QUEUE, load),
            Self::Dead => (Condition::Dead, LARGE_QUEUE, dead),
            Self::Slow => (Condition::Slow, SMALL_QUEUE, slow),
            Self::FullDisk => (Condition::Healthy, LARGE_QUEUE, full_disk),
            Self::Restart => (Condition::Healthy, LARGE_QUEUE, restart),
            Self::Drain => (Condition::Healthy, LARGE_QUEUE, drain),
            Self::Abandon => (Condition::Stuck, LARGE_QUEUE, abandon),
        }
    }
}

fn load(mut trial: Trial, _: &Path) {
    trial.offer(MANY);
    trial.finish();
}

fn dead(mut trial: Trial, _: &Path) {
    trial.offer(SOME);
    trial.until_dropped();
    assert_eq!(trial.account().sent, 0);
    trial.finish();
}

fn slow(mut trial: Trial, _: &Path) {
    trial.offer(MANY);
    trial.until_dropped();
    trial.set(Condition::Healthy);
    trial.finish();
}

fn full_disk(mut trial: Trial, directory: &Path) {
    let ballast = directory.join("ballast");
    fs::write(&ballast, vec![0; BALLAST_BYTES]).unwrap();
    while trial.account().dropped.get(DropReason::WriteFailed) == 0 {
        trial.offer_slowly(BATCH);
    }
    fs::remove_file(ballast).unwrap();
    let sent = trial.account().sent;
    trial.offer_slowly(BATCH);
    assert!(trial.account().sent >= sent + BATCH, "still nothing is written: {:?}", trial.account());
    trial.finish();
}

fn restart(mut trial: Trial, _: &Path) {
    trial.offer_slowly(SOME / 10);
    assert_eq!(trial.account().sent, SOME / 10, "{:?}", trial.account());
    trial.set(Condition::Dead);
    trial.offer(SOME);
    trial.until_noticed();
    trial.set(Condition::Healthy);
    trial.settle();
    let sent = trial.account().sent;
    trial.offer_slowly(SOME / 10);
    assert_eq!(trial.account().sent, sent + SOME / 10, "{:?}", trial.account());
    trial.finish();
}

fn drain(mut trial: Trial, _: &Path) {
    trial.offer(SOME);
    trial.finish();
}

fn abandon(mut trial: Trial, _: &Path) {
    trial.offer(SOME);
    trial.until_at_work();
    trial.abandon();
}
