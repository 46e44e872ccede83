//! `egret baseline replay`.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use anyhow::Result;
use egret_args::LogRange;
use egret_enforcer::baseline::{Blocked, Evidence, Index, Percent, Period, Precision, Replay};
use egret_view::filter::Filter;
use serde::Serialize;

use super::output::{Columns, RuleParts, Seen, json, labelled, moment};
use super::scope::{EnforcementScope, exempt_lines};
use super::source;

#[derive(Serialize)]
struct Document {
    flows: u64,
    judged: u64,
    /// Flows that enforcement never judges, by reason.
    exempt: BTreeMap<&'static str, u64>,
    allowed: u64,
    would_block: u64,
    unattributed: u64,
    /// Blocked flows of groups beyond the limit.
    other: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<String>,
    complete: bool,
    blocked: Vec<Group>,
}

#[derive(Serialize)]
struct Group {
    reason: &'static str,
    #[serde(flatten)]
    parts: RuleParts,
    #[serde(flatten)]
    seen: Seen,
}

pub(super) fn run(
    file: &Path,
    log: &LogRange,
    config: Option<&Path>,
    as_json: bool,
    out: &mut dyn Write,
) -> Result<u8> {
    let index = Index::of(&super::read(file)?);
    let EnforcementScope { scope, unattributed } = EnforcementScope::configured(config);
    let mut replay = Replay::new(&index, Precision::default()).within(&scope, unattributed);
    let mut period: Option<Period> = None;
    let reading = source::flows(log, Filter::default(), |event, facts, _| {
        replay.put_event(event, &facts);
        let time = event.time;
        period.get_or_insert(Period::of(time)).extend(Period::of(time));
    })?;
    let mut blocked: Vec<_> = replay.blocked().collect();
    blocked.sort_by(|(one, first), (other, second)| second.count.cmp(&first.count).then_with(|| one.cmp(other)));
    let complete = reading.status() == egret_view::exit::DONE;
    if as_json {
        json(out, &document(&replay, period, complete, &blocked))?;
    } else {
        print(&replay, period, &blocked, out)?;
    }
    Ok(reading.status())
}

fn document(
    replay: &Replay<'_>,
    period: Option<Period>,
    complete: bool,
    blocked: &[(&Blocked, &Evidence)],
) -> Document {
    let group = |(what, seen): &(&Blocked, &Evidence)| Group {
        reason: reason(what),
        parts: RuleParts::of(&what.rule),
        seen: Seen::of(seen),
    };
    Document {
        flows: replay.flows,
        judged: replay.evaluated(),
        exempt: replay.exempt.iter().map(|(why, count)| (why.as_str(), *count)).collect(),
        allowed: replay.allowed,
        would_block: replay.evaluated() - replay.allowed,
        unattributed: replay.unattributed,
        other: replay.other,
        first: period.map(|period| moment(period.first)),
        last: period.map(|period| moment(period.last)),
        complete,
        blocked: blocked.iter().map(group).collect(),
    }
}

fn print(
    replay: &Replay<'_>,
    period: Option<Period>,
    blocked: &[(&Blocked, &Evidence)],
    out: &mut dyn Write,
) -> Result<()> {
    let Replay { flows, allowed, unattributed, other, .. } = *replay;
    let between = period.map(|Period { first, last }| format!(", {} to {}", moment(first), moment(last)));
    labelled(out, "flows", &format!("{flows}{}", between.unwrap_or_default()))?;
    let judged = replay.evaluated();
    if judged < flows {
        labelled(
            out,
            "excluded",
            &format!("{} that enforcement never judges: {}", flows - judged, exempt_lines(&replay.exempt).join(", ")),
        )?;
        labelled(out, "judged", &judged.to_string())?;
    }
    labelled(out, "allowed", &format!("{allowed} ({})", Percent::of(allowed, judged)))?;
    let stopped = judged - allowed;
    labelled(out, "blocked", &format!("{stopped} ({})", Percent::of(stopped, judged)))?;
    if unattributed > 0 {
        labelled(out, "", &format!("{unattributed} flows of unknown processes: see --help"))?;
    }
    let mut columns = Columns::new([">COUNT", "FIRST", "LAST", "REASON", "RULE"]);
    for (what, seen) in blocked {
        columns.row([
            seen.count.to_string(),
            moment(seen.first),
            moment(seen.last),
            reason(what).to_owned(),
            what.rule.to_string(),
        ]);
    }
    if !columns.is_empty() {
        writeln!(out)?;
        columns.write(out)?;
    }
    if other > 0 {
        writeln!(out, "and {other} flows of further groups")?;
    }
    Ok(())
}

const fn reason(what: &Blocked) -> &'static str {
    match (what.denied, &what.rule.subject.executable) {
        (true, _) => "denied",
        (false, None) => "unattributed",
        (false, Some(_)) => "no_rule",
    }
}
