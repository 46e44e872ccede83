//! `egret baseline show`.

use std::io::Write;
use std::path::Path;

use anyhow::Result;
use egret_args::SubjectFilter;
use egret_enforcer::baseline::{Entry, Rule, Subject, Value};
use egret_view::exit;
use serde::Serialize;

use super::output::{Columns, RuleParts, Seen, counted, json, moment};

#[derive(Serialize)]
struct Line<'a> {
    number: usize,
    action: &'static str,
    #[serde(flatten)]
    parts: RuleParts,
    #[serde(flatten)]
    seen: Option<Seen>,
    #[serde(skip_serializing_if = "Option::is_none")]
    members: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
}

pub(super) fn run(
    file: &Path,
    subject_filter: Option<&SubjectFilter>,
    as_json: bool,
    out: &mut dyn Write,
) -> Result<u8> {
    let baseline = super::read(file)?;
    let wanted = |rule: &Rule| subject_filter.is_none_or(|subject_filter| is_selected(&rule.subject, subject_filter));
    let rules = (1..).zip(&baseline.entries).filter(|(_, (rule, _))| wanted(rule));
    if as_json {
        for (number, (rule, entry)) in rules {
            json(out, &line(number, rule, entry))?;
        }
        return Ok(exit::DONE);
    }
    let mut columns = Columns::new([">N", "ACTION", ">SEEN", ">DAYS", "LAST", "RULE"]);
    for (number, (rule, entry)) in rules {
        let seen = entry.evidence.as_ref();
        let figure = |figure: Option<u64>| figure.map_or_else(|| "-".to_owned(), |figure| figure.to_string());
        columns.row([
            number.to_string(),
            entry.action.as_str().to_owned(),
            figure(seen.map(|seen| seen.count)),
            figure(seen.map(|seen| seen.days)),
            seen.map_or_else(|| "-".to_owned(), |seen| moment(seen.last)),
            with_remarks(rule, entry),
        ]);
    }
    columns.write(out)?;
    Ok(exit::DONE)
}

fn line<'a>(number: usize, rule: &Rule, entry: &'a Entry) -> Line<'a> {
    Line {
        number,
        action: entry.action.as_str(),
        parts: RuleParts::of(rule),
        seen: entry.evidence.as_ref().map(Seen::of),
        members: entry.evidence.as_ref().and_then(|seen| seen.members.as_ref()).map(|members| members.count),
        note: entry.note.as_deref(),
    }
}

fn with_remarks(rule: &Rule, entry: &Entry) -> String {
    let evidence = entry.evidence.as_ref();
    let members = evidence.and_then(|seen| seen.members.as_ref());
    let members = members.map(|members| format!("for {} {}", members.count, members.kind.as_str()));
    let failed = evidence.map(|seen| seen.failed).filter(|failed| *failed > 0);
    let failed = failed.map(|failed| format!("failed {}", counted(failed, "time")));
    let remarks: Vec<String> = failed.into_iter().chain(members).chain(entry.note.clone()).collect();
    if remarks.is_empty() { rule.to_string() } else { format!("{rule}  # {}", remarks.join("; ")) }
}

/// Whether a subject is selected.
pub(super) fn is_selected(subject: &Subject, subject_filter: &SubjectFilter) -> bool {
    match subject_filter {
        SubjectFilter::Subject(wanted) => subject.is_about(wanted),
        SubjectFilter::Executable(name) => {
            let path = subject.executable.as_ref().map(Value::text);
            path.is_some_and(|path| Path::new(&*path).file_name().is_some_and(|file| file == name.as_str()))
        }
    }
}
