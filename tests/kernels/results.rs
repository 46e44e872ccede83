//! What was seen on a kernel.

use std::cell::LazyCell;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitStatus;

use egret_tests::{Event, Report, Seen, Sum};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::features::{Evidence, Feature, NOTHING_LOST, SKIPPED, features, opened};
use crate::machine::{Scope, ways};

/// Traffic that could not be made says nothing about egret.
const NO_TRAFFIC: &str = "no traffic";

/// The file beside an unpacked kernel.
fn file(scope: Scope) -> String {
    format!("results{}.json", scope.name())
}

/// From then on SRCU protects tracepoints where disabled preemption did (include/linux/tracepoint.h), and a program that is preempted
/// there keeps others of its CPU from running it (`__bpf_trace_run` in kernel/trace/bpf_trace.c).
const PREEMPTED_SINCE: &[u32] = &[7, 0];

/// Bytes of what is kept about something that failed.
const REASON: usize = 4000;

/// What was seen, kept for the page.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Results {
    pub(crate) version: String,
    /// `uname -r`.
    pub(crate) release: String,
    /// The layer that `auto` takes.
    pub(crate) layer: String,
    pub(crate) degradations: Vec<String>,
    /// What the trace lost by its own account, and how many runs of hooks that were skipped are among it.
    lost: u64,
    skipped: u64,
    /// Evidence that was looked for, and what was wrong with it.
    evidence: BTreeMap<String, Option<String>>,
    /// Bits of `/proc/sys/kernel/tainted` that came while egret was looked at.
    tainted: u64,
    pub(crate) scope: Scope,
}

impl Results {
    pub(crate) fn read(version: &str, out: &Path, scope: Scope) -> Self {
        let read = |name: &str| fs::read_to_string(out.join(name)).unwrap_or_default();
        let doctor: Value = serde_json::from_str(&read("doctor.json")).unwrap_or(Value::Null);
        let named = |list: &str| doctor[list].as_array().cloned().unwrap_or_default();
        let name = |one: &Value| one["name"].as_str().unwrap_or_default().to_owned();
        let tainted = |name: &str| read(name).trim().parse::<u64>().unwrap_or_default();
        Self {
            version: version.to_owned(),
            release: read("release").trim().to_owned(),
            layer: named("layers").iter().find(|layer| layer["chosen"] == true).map(name).unwrap_or_default(),
            degradations: named("degradations").iter().map(name).collect(),
            // Beside other firewalls nothing is traced.
            lost: if scope == Scope::Others { 0 } else { Sum::of(&read("trace.err")).lost },
            skipped: skipped(&read("trace.err")),
            evidence: examine(out, scope),
            tainted: tainted("tainted-after") & !tainted("tainted-before"),
            scope,
        }
    }

    pub(crate) fn write(&self, place: &Path) {
        if self.scope != Scope::Ordinary {
            fs::write(place.join(file(self.scope)), serde_json::to_string_pretty(self).unwrap()).unwrap();
        }
    }

    /// Those that were kept.
    pub(crate) fn kept(place: &Path, scope: Scope) -> Option<Self> {
        serde_json::from_str(&fs::read_to_string(place.join(file(scope))).ok()?).ok()
    }

    /// How much of a feature's evidence is there.
    pub(crate) fn shown(&self, feature: &Feature) -> usize {
        feature.evidence.iter().filter(|one| self.evidence.get(one.name()) == Some(&None)).count()
    }

    /// How much of it was looked for.
    pub(crate) fn tried(&self, feature: &Feature) -> usize {
        let is_tried = |found: &Option<String>| found.as_ref().is_none_or(|wrong| !wrong.starts_with(NO_TRAFFIC));
        feature.evidence.iter().filter(|one| self.evidence.get(one.name()).is_some_and(is_tried)).count()
    }

    /// The degradations that excuse less of a feature here, and the loss that does.
    pub(crate) fn excuses(&self, feature: &Feature) -> Vec<&'static str> {
        let is_found = |name: &&&str| {
            self.degradations.iter().any(|found| found == **name)
                || **name == SKIPPED && self.can_lack_what_is_skipped()
        };
        feature.excuses.iter().filter(is_found).copied().collect()
    }

    /// Whether the kernel can skip runs, and those that egret has counted explain all that is missing: one spoils one flow at most.
    fn can_lack_what_is_skipped(&self) -> bool {
        let spoiled =
            features().filter(|feature| feature.excuses.contains(&SKIPPED)).flat_map(|feature| feature.evidence);
        let is_missing = |one: &&Evidence| self.evidence.get(one.name()).is_some_and(Option::is_some);
        let missing = spoiled.filter(|one| one.name() != NOTHING_LOST).filter(is_missing).count();
        let can_skip = version(&self.release).as_slice() >= PREEMPTED_SINCE;
        can_skip && self.lost == self.skipped && u64::try_from(missing).is_ok_and(|missing| missing <= self.skipped)
    }

    /// What is not as it should be.
    pub(crate) fn wrong(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        if self.scope != Scope::Others && self.layer != self.scope.layer() {
            wrong.push(format!("the layer is {:?}", self.layer));
        }
        let says = |wanted: &str| self.degradations.iter().any(|name| name == wanted);
        for unexplained in ["layer_refused", "self_test_unseen", "no_cgroup_hook", "no_names"] {
            // Names are read from packets by hooks of control groups.
            if says(unexplained) && !(unexplained == "no_names" && says("no_cgroup2")) {
                wrong.push(format!("it says {unexplained}"));
            }
        }
        if self.tainted != 0 {
            wrong.push(format!("the kernel is tainted: {}", self.tainted));
        }
        for feature in features().filter(|feature| self.excuses(feature).is_empty()) {
            for one in feature.evidence {
                if let Some(Some(reason)) = self.evidence.get(one.name()) {
                    wrong.push(format!("{}: {}: {reason}", feature.name, one.name()));
                }
            }
        }
        wrong
    }
}

/// The count in a trace's line `egret: lost at hook, hook_skipped: COUNT`.
fn skipped(stderr: &str) -> u64 {
    let before = format!("egret: lost at hook, {SKIPPED}: ");
    let count = |line: &str| line.strip_prefix(&before)?.trim().parse().ok();
    stderr.lines().find_map(count).unwrap_or_default()
}

/// The two numbers that name a kernel, of its release.
pub(crate) fn version(release: &str) -> Vec<u32> {
    release.split(['.', '-']).take(2).filter_map(|number| number.parse().ok()).collect()
}

fn examine(out: &Path, scope: Scope) -> BTreeMap<String, Option<String>> {
    let seen = LazyCell::new(|| seen(out));
    let facts = fs::read_to_string(out.join("facts")).unwrap_or_default();
    let ways: Vec<&str> = ways(scope).collect();
    let mut found = BTreeMap::new();
    for evidence in features().flat_map(|feature| feature.evidence).filter(|one| scope.has(one)) {
        let wrong = match evidence {
            Evidence::Traffic(way, check) => {
                // A lower layer sees no end.
                let check = if scope == Scope::Legacy { &(opened as fn(&Seen, &Report)) } else { check };
                let Some(number) = ways.iter().position(|one| one == way) else { continue };
                outcome(|| check(&seen, &report(out, number)))
            }
            Evidence::Seen(_, check) => outcome(|| check(&seen)),
            Evidence::Fact(name) => {
                let line = facts.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
                let line = line.unwrap_or("is not there");
                (line != "yes").then(|| line.to_owned())
            }
        };
        found.insert(evidence.name().to_owned(), wrong);
    }
    found
}

/// What a check says that fails.
fn outcome(check: impl FnOnce()) -> Option<String> {
    let panic = catch_unwind(AssertUnwindSafe(check)).err()?;
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    Some(text.unwrap_or("it failed").chars().take(REASON).collect())
}

fn seen(out: &Path) -> Seen {
    let read = |name: &str| fs::read_to_string(out.join(name)).unwrap_or_default();
    let events: Vec<Event> = read("trace.json").lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let stderr = read("trace.err");
    let sum = Sum::of(&stderr);
    Seen { events, sum, stderr, status: ExitStatus::from_raw(0) }
}

fn report(out: &Path, number: usize) -> Report {
    let read = |name: String| fs::read_to_string(out.join(name)).unwrap_or_default();
    let line = read(format!("traffic-{number}"));
    assert!(!line.is_empty(), "{NO_TRAFFIC}: {}", read(format!("traffic-{number}.err")));
    Report::read(&line)
}
