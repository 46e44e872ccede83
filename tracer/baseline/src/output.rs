//! Output: columns of text, or one JSON value a line.

use std::io::{self, Write};

use egret_enforcer::baseline::{Destination, Evidence, Rule, Subject, Value};
use egret_view::ColorChoice;
pub(super) use egret_view::table::{Columns, moment};
use egret_view::table::{TableStyle, printable};
use serde::Serialize;

/// A line with a label, as in `egret status`.
pub(super) fn labelled(out: &mut dyn Write, label: &str, text: &str) -> io::Result<()> {
    let utf8 = TableStyle::for_stdout(ColorChoice::Never).utf8;
    writeln!(out, "{label:11}{}", printable(text, utf8))
}

/// A count with its noun.
pub(super) fn counted(count: u64, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

pub(super) fn json(out: &mut dyn Write, value: &impl Serialize) -> anyhow::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(out.write_all(&line)?)
}

/// A rule as JSON: its text and its parts. Parts that the rule does not have are absent.
#[derive(Debug, Serialize)]
pub(super) struct RuleParts {
    rule: String,
    #[serde(flatten)]
    subject: SubjectParts,
    transport: String,
    host: String,
    port: String,
}

/// A subject as JSON.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) struct SubjectParts {
    subject: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    executable: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    script: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pod: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<String>,
}

impl SubjectParts {
    pub(super) fn of(subject: &Subject) -> Self {
        let text = |value: &Option<Value>| value.as_ref().map(|value| value.text().to_string());
        Self {
            subject: subject.to_string(),
            executable: text(&subject.executable),
            file: text(&subject.file),
            script: text(&subject.script),
            sha256: text(&subject.sha256),
            user: text(&subject.user),
            unit: text(&subject.unit),
            container: text(&subject.container),
            image: text(&subject.image),
            pod: text(&subject.pod),
            parent: text(&subject.parent),
        }
    }
}

impl RuleParts {
    pub(super) fn of(rule: &Rule) -> Self {
        let Destination { transport, host, ports } = &rule.destination;
        Self {
            rule: rule.to_string(),
            subject: SubjectParts::of(&rule.subject),
            transport: transport.unwrap_or("*").to_owned(),
            host: host.to_string(),
            port: ports.to_string(),
        }
    }
}

/// Evidence as JSON.
#[derive(Debug, Serialize)]
pub(super) struct Seen {
    count: u64,
    failed: u64,
    days: u64,
    first: String,
    last: String,
}

impl Seen {
    pub(super) fn of(evidence: &Evidence) -> Self {
        let Evidence { count, failed, days, first, last, .. } = evidence;
        Self { count: *count, failed: *failed, days: *days, first: moment(*first), last: moment(*last) }
    }
}
