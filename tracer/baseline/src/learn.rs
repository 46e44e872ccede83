//! `egret baseline learn`.

use std::io::Write;
use std::path::Path;

use anyhow::Result;
use egret_args::LogRange;
use egret_enforcer::baseline::{Gap, Learned, MOST_RULES, Precision, Rule, Thresholds};
use egret_enforcer::store::{FileStore, Patience};
use egret_view::exit;
use egret_view::filter::Filter;

use super::output::counted;
use super::scope::EnforcementScope;
use super::source;

/// Flows of a log by result.
#[derive(Debug, Default)]
struct Tally {
    flows: u64,
    new: u64,
    /// Counted in an earlier run.
    before: u64,
    denied: u64,
    unknown: u64,
    /// Not learned because of the limit of rules.
    full: u64,
    failed: u64,
    blocked: u64,
    answered: u64,
    other_namespace: u64,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    pub(super) file: &'a Path,
    pub(super) log: &'a LogRange,
    pub(super) exact: bool,
    pub(super) allow_failed: bool,
    pub(super) precision: Precision,
    pub(super) config: Option<&'a Path>,
}

pub(super) fn run(request: &Request<'_>, out: &mut dyn Write) -> Result<u8> {
    let Request { file, log, exact, allow_failed, precision, config } = *request;
    let mut store = FileStore::open(file, precision)?;
    store.learner().set_allow_failed(allow_failed);
    let enforcement = EnforcementScope::configured(config);
    let before = store.baseline().hosts.clone();
    let mut tally = Tally::default();
    let reading = source::flows(log, Filter::default(), |event, mut facts, host| {
        let time = event.time;
        facts.exempt = enforcement.scope.exempt(event, &facts).is_some();
        let counted = host.and_then(|host| *before.get(host)?);
        let learner = store.learner();
        if let Some(host) = host {
            learner.set_host(host);
        }
        let again = counted.is_some_and(|counted| time <= counted.last);
        let learned = if again { learner.learn_again(&facts, time).0 } else { learner.learn(&facts, time) };
        tally.note(learned, again);
    })?;
    reading.gaps.iter().for_each(|gap| add_gap(&mut store, *gap));
    let made = if exact { Vec::new() } else { store.learner().generalise(Thresholds::default()) };
    store.save(Patience::Any)?;
    print(&store, &tally, &made, out)?;
    Ok(if tally.full > 0 { exit::FAILED } else { reading.status() })
}

/// Adds an hour that could not be read, unless it is known.
fn add_gap(store: &mut FileStore, gap: Gap) {
    let is_known = |known: &Gap| known.from <= gap.from && known.to >= gap.to;
    if !store.baseline().gaps.iter().any(is_known) {
        store.learner().lost(gap);
    }
}

impl Tally {
    fn note(&mut self, learned: Learned, again: bool) {
        if learned == Learned::Outstanding {
            return;
        }
        self.flows += 1;
        match learned {
            Learned::Known => self.before += if again { 1 } else { 0 },
            Learned::New => self.new += 1,
            Learned::Denied => self.denied += 1,
            Learned::Unknown | Learned::Frozen => self.unknown += 1,
            Learned::Full(_) => self.full += 1,
            Learned::Failed => self.failed += 1,
            Learned::Blocked => self.blocked += 1,
            Learned::Answered => self.answered += 1,
            Learned::OtherNamespace => self.other_namespace += 1,
            Learned::Outstanding => {}
        }
    }
}

fn print(store: &FileStore, tally: &Tally, made: &[Rule], out: &mut dyn Write) -> Result<()> {
    let Tally { flows, new, before, denied, unknown, full, failed, blocked, answered, other_namespace } = *tally;
    let path = store.path().display();
    let rules = u64::try_from(store.baseline().entries.len()).unwrap_or(u64::MAX);
    writeln!(out, "learned: {path}: {}, {new} of them new; {}", counted(flows, "flow"), counted(rules, "rule"))?;
    for rule in made {
        let members = store.baseline().entries.get(rule).and_then(|entry| entry.evidence.as_ref()?.members.as_ref());
        if let Some(members) = members {
            writeln!(out, "generalised: allow {rule}, for {} {}", members.count, members.kind.as_str())?;
        }
    }
    for (count, why) in [
        (before, "not counted again"),
        (denied, "not learned because a rule denies them"),
        (unknown, "not learned because their program, user or peer is unknown"),
        (failed, "that failed, noted as tried, which allows nothing until one like them succeeds"),
        (blocked, "not learned because they were blocked, or would have been"),
        (answered, "not learned because an answer to a question allowed them"),
        (other_namespace, "not learned because they are in other network namespaces and not of a container"),
    ] {
        if count > 0 {
            eprintln!("egret: flows {why}: {count}");
        }
    }
    if full > 0 {
        eprintln!("egret: flows not learned because a baseline has at most {MOST_RULES} rules: {full}");
    }
    Ok(())
}
