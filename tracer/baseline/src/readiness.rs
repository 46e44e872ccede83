//! `egret baseline readiness`.

mod document;
mod text;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use anyhow::Result;
use egret_args::{LogRange, SubjectFilter};
use egret_enforcer::baseline::{Baseline, Figures, History, Precision, Subject, Survey, Thresholds};
use egret_enforcer::evaluate::Exempt;
use egret_enforcer::store::FileStore;
use egret_view::exit;
use egret_view::filter::Filter;

use super::output::json;
use super::scope::{EnforcementScope, exempt_lines};
use super::{show, source};

#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    pub(super) file: &'a Path,
    pub(super) log: Option<&'a LogRange>,
    pub(super) exact: bool,
    pub(super) subject_filter: Option<&'a SubjectFilter>,
    pub(super) config: Option<&'a Path>,
}

#[derive(Debug)]
struct Report<'a> {
    /// The source of the figures.
    source: String,
    subjects: Vec<(&'a Subject, Figures)>,
    all: Figures,
    history: &'a History,
    /// Flows from which nothing can be learned; only known from a log.
    unknown: u64,
    /// Lines about excluded flows (without a log: rules), such as those that enforcement never judges.
    left_out: Vec<String>,
    /// Only some subjects were requested.
    partial: bool,
}

pub(super) fn run(request: &Request<'_>, as_json: bool, out: &mut dyn Write) -> Result<u8> {
    let enforcement = EnforcementScope::configured(request.config);
    let Some(log) = request.log else {
        let whole = super::read(request.file)?;
        let baseline = enforcement.scope.evaluated(&whole);
        let source = format!("the evidence in {}", request.file.display());
        let (subjects, all) = Figures::of(&baseline);
        let rules = whole.entries.len() - baseline.entries.len();
        let left_out = (rules > 0).then(|| format!("{rules} rules whose flows enforcement never judges"));
        let counted = (0, left_out.into_iter().collect());
        report(request, source, subjects, all, &baseline.history, counted).write(as_json, out)?;
        return Ok(exit::DONE);
    };
    let baseline = optional(request.file)?;
    let mut survey = Survey::new(&baseline, Precision::default(), (!request.exact).then(Thresholds::default));
    let mut exempt: BTreeMap<Exempt, u64> = BTreeMap::new();
    let reading =
        source::flows(log, Filter::default(), |event, facts, _| match enforcement.scope.exempt(event, &facts) {
            Some(why) => *exempt.entry(why).or_default() += 1,
            None => survey.put(&facts, event.time),
        })?;
    survey.finish();
    let source = format!("the log in {}", log.directory.display());
    let (subjects, all) = survey.figures();
    let all = all.with_gaps(&baseline);
    let mut left_out = exempt_lines(&exempt);
    for (count, why) in [
        (survey.failed, "that failed and that no rule allows"),
        (survey.blocked, "that were blocked, or would have been: see egret baseline replay"),
    ] {
        left_out.extend((count > 0).then(|| format!("{count} {why}")));
    }
    let counted = (survey.unknown, left_out);
    report(request, source, subjects, all, survey.history(), counted).write(as_json, out)?;
    Ok(reading.status())
}

/// The result and its figures for a whole baseline.
pub(super) fn summary(whole: &Baseline, config: Option<&Path>) -> Result<String> {
    let baseline = EnforcementScope::configured(config).scope.evaluated(whole);
    let (_, all) = Figures::of(&baseline);
    let mut text = Vec::new();
    text::part(&all, &mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// A baseline that does not have to exist. If it does, the rules that people wrote are used.
fn optional(file: &Path) -> Result<Baseline> {
    Ok(FileStore::open(file, Precision::default())?.baseline().clone())
}

/// The requested subjects, those with most flows first.
fn report<'a>(
    request: &Request<'_>,
    source: String,
    subjects: BTreeMap<&'a Subject, Figures>,
    all: Figures,
    history: &'a History,
    (unknown, left_out): (u64, Vec<String>),
) -> Report<'a> {
    let wanted = |subject: &Subject| {
        request.subject_filter.is_none_or(|subject_filter| show::is_selected(subject, subject_filter))
    };
    let mut subjects: Vec<_> = subjects.into_iter().filter(|(subject, _)| wanted(subject)).collect();
    subjects.sort_by_key(|(_, figures)| std::cmp::Reverse(figures.counts.flows));
    Report { source, subjects, all, history, unknown, left_out, partial: request.subject_filter.is_some() }
}

impl Report<'_> {
    fn write(&self, as_json: bool, out: &mut dyn Write) -> Result<()> {
        if as_json { json(out, &document::of(self)) } else { text::write(self, out) }
    }
}

/// The result for some figures as a sentence.
fn verdict(figures: &Figures) -> String {
    let reasons: Vec<String> = figures.reasons().iter().map(ToString::to_string).collect();
    if reasons.is_empty() { "ready".to_owned() } else { format!("not ready: {}", reasons.join("; ")) }
}
