//! The report as text and numbers, without a form.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use egret_enforcer::baseline::{Action, Baseline, Destination as BaselineDestination, Subject};
use egret_enforcer::store::edit::answer_of;
use egret_model::{Timestamp, Verdict};
use egret_view::table::{bytes, moment, printable};
use jiff::tz::TimeZone;

use crate::gather::{Destination, Gathered, Period, Program};
use crate::place::Place;

/// Most rows of a table. What is left out is said below it.
const ROWS: usize = 20;

/// A value in each slice of the period.
#[derive(Debug)]
pub(crate) struct Chart {
    pub(crate) title: &'static str,
    pub(crate) values: Vec<u64>,
    /// The largest value, as people read it.
    pub(crate) most: String,
    pub(crate) from: String,
    pub(crate) to: String,
}

/// A table. Columns whose title begins with `>` have numbers.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) titles: &'static [&'static str],
    pub(crate) rows: Vec<Vec<String>>,
    /// Rows that were left out.
    pub(crate) more: usize,
}

/// What a section has.
#[derive(Debug)]
pub(crate) enum Body {
    Table(Table),
    /// Lines of text with columns.
    Lines(String),
    /// A sentence, where there is nothing to show.
    Nothing(&'static str),
}

#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) title: &'static str,
    /// What the reader needs to know about it.
    pub(crate) about: &'static str,
    pub(crate) body: Body,
}

#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) title: String,
    pub(crate) period: String,
    /// A label and a value each.
    pub(crate) facts: Vec<(&'static str, String)>,
    pub(crate) charts: Vec<Chart>,
    pub(crate) sections: Vec<Section>,
}

impl Document {
    /// Without a baseline there is nothing to say of what is new, of rules and of readiness.
    pub(crate) fn new(gathered: &Gathered, baseline: Option<&Baseline>, readiness: Option<&str>) -> Self {
        let Period { since, until } = gathered.period;
        let hosts: Vec<&str> = gathered.hosts.iter().map(String::as_str).collect();
        let title = match hosts.as_slice() {
            [] => "Network connections".to_owned(),
            hosts => format!("Network connections of {}", hosts.join(", ")),
        };
        Self {
            title,
            period: format!("{} to {}", moment(since), moment(until)),
            facts: facts(gathered),
            charts: charts(gathered),
            sections: vec![
                destinations(gathered, Place::External),
                destinations(gathered, Place::Internal),
                programs(gathered),
                new(baseline, gathered.period),
                blocks(gathered),
                changes(baseline, gathered.period),
                coverage(gathered, baseline),
                readiness_section(readiness),
            ],
        }
    }
}

fn facts(gathered: &Gathered) -> Vec<(&'static str, String)> {
    let blocks = |verdict: Verdict| -> u64 {
        gathered.blocks.iter().filter(|(block, _)| block.verdict == verdict).map(|(_, count)| count).sum()
    };
    let totals = gathered.totals;
    let destinations_known = gathered.destinations.len();
    vec![
        ("connections", totals.connections.to_string()),
        ("of these failed", gathered.failed.to_string()),
        ("of these within this host", gathered.within.connections.to_string()),
        ("sent", bytes(totals.sent)),
        ("received", bytes(totals.received)),
        ("programs", gathered.programs.len().to_string()),
        (
            "destinations",
            if gathered.merged { format!("over {destinations_known}") } else { destinations_known.to_string() },
        ),
        ("blocked", blocks(Verdict::Block).to_string()),
        ("would be blocked", blocks(Verdict::WouldBlock).to_string()),
    ]
}

fn charts(gathered: &Gathered) -> Vec<Chart> {
    let Period { since, until } = gathered.period;
    let chart = |title, values: Vec<u64>, text: fn(u64) -> String| Chart {
        title,
        most: text(values.iter().copied().max().unwrap_or_default()),
        values,
        from: moment(since),
        to: moment(until),
    };
    let slices = || gathered.slices.iter();
    vec![
        chart("Connections", slices().map(|slice| slice.connections).collect(), |count| count.to_string()),
        chart("Bytes sent", slices().map(|slice| slice.sent).collect(), bytes),
        chart("Bytes received", slices().map(|slice| slice.received).collect(), bytes),
    ]
}

/// The first rows as a table, or a sentence if there are none.
fn table(titles: &'static [&'static str], rows: Vec<Vec<String>>, nothing: &'static str) -> Body {
    if rows.is_empty() {
        return Body::Nothing(nothing);
    }
    let more = rows.len().saturating_sub(ROWS);
    Body::Table(Table { titles, rows: rows.into_iter().take(ROWS).map(shown).collect(), more })
}

/// Names and paths are chosen by programs and peers: without control characters.
fn shown(row: Vec<String>) -> Vec<String> {
    row.iter().map(|cell| printable(cell, true).into_owned()).collect()
}

fn destinations(gathered: &Gathered, place: Place) -> Section {
    let mut found: Vec<_> = gathered.destinations.iter().filter(|((of, _), _)| *of == place).collect();
    found.sort_by_key(|((_, name), destination)| {
        (Reverse(destination.figures.sent), Reverse(destination.figures.connections), name.clone())
    });
    let row = |((_, name), destination): &(&(Place, Arc<str>), &Destination)| {
        let programs: Vec<&str> = destination.programs.iter().map(|program| &**program).take(3).collect();
        let more = destination.programs.len().saturating_sub(programs.len());
        let programs = programs.join(", ") + &if more > 0 { format!(" and {more} more") } else { String::new() };
        vec![
            name.to_string(),
            destination.figures.connections.to_string(),
            bytes(destination.figures.sent),
            bytes(destination.figures.received),
            programs,
        ]
    };
    let rows = found.iter().map(row).collect();
    let titles = &["destination", ">connections", ">sent", ">received", "programs"];
    let (title, about) = match place {
        Place::External => ("External destinations", "Peers on the internet, most bytes sent first."),
        _ => ("Internal destinations", "Peers with private, link-local or multicast addresses, most bytes sent first."),
    };
    Section { title, about, body: table(titles, rows, "There was no such connection.") }
}

fn programs(gathered: &Gathered) -> Section {
    let mut found: Vec<_> = gathered.programs.iter().collect();
    found.sort_by_key(|(path, program)| {
        (
            Reverse(program.figures.sent.saturating_add(program.figures.received)),
            Reverse(program.figures.connections),
            (*path).clone(),
        )
    });
    let row = |(path, program): (&Arc<str>, &Program)| {
        vec![
            path.to_string(),
            program.figures.connections.to_string(),
            program.inbound.to_string(),
            program.failed.to_string(),
            program.destinations().to_string(),
            bytes(program.figures.sent),
            bytes(program.figures.received),
        ]
    };
    let titles = &["program", ">connections", ">inbound", ">failed", ">destinations", ">sent", ">received"];
    Section {
        title: "Programs",
        about: "Most bytes first. Inbound connections are those that peers opened.",
        body: table(titles, found.into_iter().map(row).collect(), "The log has no connection in this time."),
    }
}

/// The destinations that a subject had for the first time.
struct News<'a> {
    /// All that is known of the subject is new.
    is_new: bool,
    first: Timestamp,
    destinations: Vec<&'a BaselineDestination>,
}

/// New destinations by subject: new subjects before others, then the newest first.
fn news(baseline: &Baseline, period: Period) -> Vec<(&Subject, News<'_>)> {
    let mut subjects: BTreeMap<&Subject, News<'_>> = BTreeMap::new();
    for (rule, entry) in &baseline.entries {
        let Some(evidence) = &entry.evidence else { continue };
        let of_subject = subjects.entry(&rule.subject).or_insert_with(|| News {
            is_new: true,
            first: Timestamp(i64::MIN),
            destinations: Vec::new(),
        });
        if period.contains(evidence.first) {
            of_subject.first = of_subject.first.max(evidence.first);
            of_subject.destinations.push(&rule.destination);
        } else {
            of_subject.is_new &= evidence.first >= period.since;
        }
    }
    let mut found: Vec<_> = subjects.into_iter().filter(|(_, news)| !news.destinations.is_empty()).collect();
    found.sort_by_key(|(_, news)| (Reverse(news.is_new), Reverse(news.first)));
    found
}

/// Destinations of a subject that are named.
const EXAMPLES: usize = 3;

fn new(baseline: Option<&Baseline>, period: Period) -> Section {
    let row = |(subject, News { is_new, first, destinations }): (&Subject, News<'_>)| {
        let examples: Vec<String> = destinations.iter().take(EXAMPLES).map(ToString::to_string).collect();
        let more = destinations.len().saturating_sub(examples.len());
        let more = if more > 0 { format!(", and {more} more") } else { String::new() };
        let what = if is_new { "new program" } else { "known program" };
        vec![moment(first), what.into(), subject.to_string(), destinations.len().to_string(), examples.join(", ") + &more]
    };
    let titles = &["last new", "what", "who", ">destinations", "new destinations"];
    Section {
        title: "New in this period",
        about: "Who contacted what for the first time, as far as the baseline knows: new programs first, then the newest.",
        body: baseline.map_or(NO_BASELINE, |baseline| {
            table(titles, news(baseline, period).into_iter().map(row).collect(), "Nothing was new.")
        }),
    }
}

const NO_BASELINE: Body = Body::Nothing("There is no baseline.");

fn blocks(gathered: &Gathered) -> Section {
    let mut found: Vec<_> = gathered.blocks.iter().collect();
    found.sort_by_key(|(block, count)| (Reverse(**count), (*block).clone()));
    let rows = found
        .into_iter()
        .map(|(block, count)| {
            let verdict = if block.verdict == Verdict::Block { "blocked" } else { "would be blocked" };
            let reason = block.reason.map_or("-", |reason| reason.as_str());
            vec![
                count.to_string(),
                verdict.into(),
                block.program.to_string(),
                block.destination.to_string(),
                reason.into(),
            ]
        })
        .collect();
    Section {
        title: "Blocked",
        about: "Flows that enforcement blocked, or would have blocked in shadow mode.",
        body: table(&[">flows", "verdict", "program", "destination", "reason"], rows, "Nothing was blocked."),
    }
}

/// Rules that somebody wrote or answered for. The comment of an answer has a date; others have none that can be compared.
fn changes(baseline: Option<&Baseline>, period: Period) -> Section {
    let day = |time: Timestamp| {
        let time = jiff::Timestamp::from_nanosecond(i128::from(time.0)).unwrap_or_default();
        TimeZone::system().to_datetime(time).date()
    };
    let (first, last) = (day(period.since), day(period.until));
    let is_of_period = |note: &str| answer_of(note).is_none_or(|(_, date)| (first..=last).contains(&date));
    let entries = baseline.into_iter().flat_map(|baseline| &baseline.entries);
    let written = entries.filter_map(|(rule, entry)| match &entry.note {
        Some(note) => is_of_period(note).then_some((rule, entry.action, note.as_str())),
        None => (entry.action == Action::Deny).then_some((rule, entry.action, "")),
    });
    let rows =
        written.map(|(rule, action, note)| vec![action.as_str().into(), rule.to_string(), note.into()]).collect();
    Section {
        title: "Rules by people",
        about: "Rules that deny or have a comment. Answers to questions are those of this period.",
        body: match baseline {
            None => NO_BASELINE,
            Some(_) => table(&["action", "rule", "comment"], rows, "There is no such rule."),
        },
    }
}

fn coverage(gathered: &Gathered, baseline: Option<&Baseline>) -> Section {
    let mut rows = Vec::new();
    let connections = gathered.totals.connections;
    rows.push(vec![
        "connections whose program is known".into(),
        format!("{} of {connections}", connections.saturating_sub(gathered.unattributed)),
    ]);
    rows.push(vec!["files of the log that could not be read".into(), gathered.unreadable.to_string()]);
    let is_of_period = |from: Timestamp, to: Timestamp| from < gathered.period.until && to >= gathered.period.since;
    let gaps = baseline.map(|baseline| baseline.gaps.iter().filter(|gap| is_of_period(gap.from, gap.to)));
    for gap in gaps.into_iter().flatten() {
        rows.push(vec![format!("events lost from {} to {}", moment(gap.from), moment(gap.to)), gap.lost.to_string()]);
    }
    Section { title: "Coverage", about: "What this report may not show.", body: table(&["", ">"], rows, "") }
}

fn readiness_section(readiness: Option<&str>) -> Section {
    Section {
        title: "Readiness to enforce",
        about: "Whether the baseline is complete enough to block what it does not know; at the time of this report.",
        body: readiness.map_or(NO_BASELINE, |text| Body::Lines(text.to_owned())),
    }
}
