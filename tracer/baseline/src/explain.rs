//! `egret baseline explain`.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use anyhow::Result;
use egret_args::LogRange;
use egret_enforcer::baseline::{
    Action, Entry, Evidence, Generalisation, Members, Naming, Outcome, Precision, Rule, Thresholds, naming_of,
};
use egret_enforcer::store::edit::RuleSelector;
use egret_view::exit;
use serde::Serialize;

use super::output::{Columns, RuleParts, Seen, counted, json, labelled, moment};
use super::{edit, source};

/// Most groups of flows, some 500 bytes each: 5 MB. Flows of further groups are counted together.
const GROUPS: usize = 10_000;
/// Most groups in the text output.
const SHOWN: usize = 50;

/// The flows of a log that a rule covers.
#[derive(Debug, Default)]
struct Found {
    /// By exact rule.
    groups: BTreeMap<Rule, Evidence>,
    /// All flows.
    flows: u64,
    /// Flows of groups beyond [`GROUPS`].
    other: u64,
}

#[derive(Serialize)]
struct Document<'a> {
    number: usize,
    action: &'static str,
    #[serde(flatten)]
    parts: RuleParts,
    origin: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<Seen>,
    #[serde(skip_serializing_if = "Option::is_none")]
    generalised: Option<Generalised<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    patterns: Vec<PatternPart>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    notes: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<LogPart>,
}

#[derive(Serialize)]
struct Generalised<'a> {
    from: &'static str,
    members: u64,
    examples: &'a [String],
    meaning: String,
}

#[derive(Serialize)]
struct PatternPart {
    name: &'static str,
    example: &'static str,
    becomes: &'static str,
    reason: &'static str,
}

#[derive(Serialize)]
struct LogPart {
    flows: u64,
    other: u64,
    groups: Vec<Group>,
}

#[derive(Serialize)]
struct Group {
    #[serde(flatten)]
    parts: RuleParts,
    #[serde(flatten)]
    seen: Seen,
}

pub(super) fn run(
    file: &Path,
    selector: &RuleSelector,
    log: Option<&LogRange>,
    as_json: bool,
    out: &mut dyn Write,
) -> Result<u8> {
    let baseline = super::read(file)?;
    let (number, rule, entry) = edit::existing(&baseline, selector)?;
    let (found, status) = match log {
        Some(log) => {
            let (found, status) = search(log, rule)?;
            (Some(found), status)
        }
        None => (None, exit::DONE),
    };
    if as_json {
        json(out, &document(number, rule, entry, found.as_ref()))?;
    } else {
        print(number, rule, entry, found.as_ref(), out)?;
    }
    Ok(status)
}

/// The flows of a log that a rule covers.
fn search(log: &LogRange, rule: &Rule) -> Result<(Found, u8)> {
    let mut found = Found::default();
    // With a digest in the rule, groups show whether the file was replaced.
    let precision = Precision { sha256: rule.subject.sha256.is_some(), patterns: false, ..Precision::default() };
    let reading = source::flows(log, source::filter_for(rule), |event, facts, _| {
        if facts.outcome != Outcome::Opened || !rule.covers(&facts) {
            return;
        }
        found.flows += 1;
        let (group, time) = (Rule::of(&facts, precision), event.time);
        if let Some(seen) = found.groups.get_mut(&group) {
            seen.add(time);
        } else if found.groups.len() < GROUPS {
            found.groups.insert(group, Evidence::of(time));
        } else {
            found.other += 1;
        }
    })?;
    Ok((found, reading.status()))
}

impl Found {
    /// The most frequent group first.
    fn sorted(&self) -> Vec<(&Rule, &Evidence)> {
        let mut groups: Vec<_> = self.groups.iter().collect();
        groups.sort_by_key(|(_, seen)| std::cmp::Reverse(seen.count));
        groups
    }
}

fn document<'a>(number: usize, rule: &Rule, entry: &'a Entry, found: Option<&Found>) -> Document<'a> {
    let members = entry.evidence.as_ref().and_then(|seen| seen.members.as_ref());
    let generalised = |Members { kind, count, examples }: &'a Members| Generalised {
        from: kind.as_str(),
        members: *count,
        examples,
        meaning: meaning(*kind),
    };
    let group = |(rule, seen): (&Rule, &Evidence)| Group { parts: RuleParts::of(rule), seen: Seen::of(seen) };
    Document {
        number,
        action: entry.action.as_str(),
        parts: RuleParts::of(rule),
        origin: origin(entry),
        evidence: entry.evidence.as_ref().map(Seen::of),
        generalised: members.map(generalised),
        patterns: namings(rule).into_iter().map(pattern_part).collect(),
        notes: &entry.notes,
        note: entry.note.as_deref(),
        log: found.map(|found| LogPart {
            flows: found.flows,
            other: found.other,
            groups: found.sorted().into_iter().map(group).collect(),
        }),
    }
}

const fn pattern_part(naming: &Naming) -> PatternPart {
    PatternPart { name: naming.name, example: naming.example, becomes: naming.becomes, reason: naming.reason }
}

fn print(number: usize, rule: &Rule, entry: &Entry, found: Option<&Found>, out: &mut dyn Write) -> Result<()> {
    labelled(out, &format!("rule {number}"), &format!("{} {rule}", entry.action.as_str()))?;
    entry.notes.iter().chain(&entry.note).try_for_each(|note| labelled(out, "comment", note.trim()))?;
    labelled(out, "origin", origin(entry))?;
    if let Some(seen) = &entry.evidence {
        let Evidence { count, failed, days, first, last, members } = seen;
        let (label, flows) = if *count == 0 { ("failed", *failed) } else { ("seen", *count) };
        let when =
            format!("{} on {}, {} to {}", counted(flows, "flow"), counted(*days, "day"), moment(*first), moment(*last));
        labelled(out, label, &when)?;
        if *count > 0 && *failed > 0 {
            labelled(out, "failed", &counted(*failed, "flow"))?;
        }
        if let Some(Members { kind, count, examples }) = members {
            labelled(out, "replaces", &format!("{count} {}, such as {}", kind.as_str(), examples.join(" ")))?;
            labelled(out, "", &meaning(*kind))?;
        }
    }
    for naming in namings(rule) {
        let Naming { name, example, becomes, reason, .. } = naming;
        labelled(out, "pattern", &format!("{name}: {example} becomes {becomes}: {reason}"))?;
    }
    let Some(found) = found else { return Ok(()) };
    labelled(out, "in the log", &counted(found.flows, "flow"))?;
    let mut columns = Columns::new([">COUNT", "FIRST", "LAST", "FLOWS"]);
    for (rule, seen) in found.sorted().into_iter().take(SHOWN) {
        columns.row([seen.count.to_string(), moment(seen.first), moment(seen.last), rule.to_string()]);
    }
    if !columns.is_empty() {
        writeln!(out)?;
        columns.write(out)?;
    }
    let hidden = found.groups.len().saturating_sub(SHOWN);
    if hidden > 0 || found.other > 0 {
        writeln!(out, "and {hidden} other groups of flows; --json lists them")?;
    }
    Ok(())
}

/// The forms of names that the patterns of a rule belong to.
fn namings(rule: &Rule) -> Vec<&'static Naming> {
    [&rule.subject.executable, &rule.subject.unit].into_iter().flatten().filter_map(naming_of).collect()
}

/// The origin of a rule, as far as its line shows it.
const fn origin(entry: &Entry) -> &'static str {
    match (entry.action, &entry.evidence) {
        (Action::Deny, _) => "written by a person: learning never denies",
        (Action::Tried, _) => "learned from flows that all failed: allows nothing until one succeeds",
        (Action::Allow, None) => "written by a person, not used yet",
        (Action::Allow, Some(Evidence { members: Some(_), .. })) => "generalised from several learned rules",
        (Action::Allow, Some(_)) if entry.note.is_some() || !entry.notes.is_empty() => {
            "written by a person or learned, with a comment: not generalised"
        }
        (Action::Allow, Some(_)) => "learned from flows, or written by a person and used since",
    }
}

/// What was generalised, and what the rule therefore also allows.
fn meaning(kind: Generalisation) -> String {
    let Thresholds { names, addresses, ports } = Thresholds::default();
    match kind {
        Generalisation::Names => format!(
            "{names} or more names below a common domain, which is the registered domain or below it: the rule covers \
             every name below it, including names that were never seen"
        ),
        Generalisation::Addresses => format!(
            "{addresses} or more addresses without a name in one /24 network (IPv6: /64): the rule covers every address in \
             it"
        ),
        Generalisation::Ports => {
            format!(
                "{ports} or more ports from 1024 up of one host: the rule covers all ports from 1024 up, and no port below"
            )
        }
    }
}
