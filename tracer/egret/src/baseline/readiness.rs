//! `egret baseline readiness`.

mod document;
mod text;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use anyhow::Result;
use egret_enforcer::baseline::{Baseline, Figures, History, Precision, Subject, Survey, Thresholds};
use egret_enforcer::evaluate::Exempt;
use egret_enforcer::store::FileStore;

use super::judged::{Judged, told};
use super::output::json;
use super::{show, source};
use crate::args::{Span, Whose};
use crate::exit;
use crate::filter::Filter;

/// What was asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) file: &'a Path,
    pub(super) log: Option<&'a Span>,
    pub(super) exact: bool,
    pub(super) whose: Option<&'a Whose>,
    pub(super) config: Option<&'a Path>,
}

/// What there is to say.
#[derive(Debug)]
struct Answer<'a> {
    /// What the figures are from.
    source: String,
    subjects: Vec<(&'a Subject, Figures)>,
    all: Figures,
    history: &'a History,
    /// Flows of which nothing can be learned; only a log tells.
    untold: u64,
    /// Flows, or rules where there is no log, that enforcement never judges, and other ones that do not count.
    left_out: Vec<String>,
    /// Only some subjects were asked for.
    partial: bool,
}

pub(super) fn run(asked: &Asked<'_>, as_json: bool, out: &mut dyn Write) -> Result<u8> {
    let judged = Judged::configured(asked.config);
    let Some(log) = asked.log else {
        let whole = super::read(asked.file)?;
        let baseline = judged.scope.evaluated(&whole);
        let source = format!("the evidence in {}", asked.file.display());
        let (subjects, all) = Figures::of(&baseline);
        let rules = whole.entries.len() - baseline.entries.len();
        let left_out = (rules > 0).then(|| format!("{rules} rules whose flows enforcement never judges"));
        let counted = (0, left_out.into_iter().collect());
        answer(asked, source, subjects, all, &baseline.history, counted).write(as_json, out)?;
        return Ok(exit::DONE);
    };
    let baseline = optional(asked.file)?;
    let mut survey = Survey::new(&baseline, Precision::default(), (!asked.exact).then(Thresholds::default));
    let mut exempt: BTreeMap<Exempt, u64> = BTreeMap::new();
    let reading = source::flows(log, Filter::default(), |event, facts, _| match judged.scope.exempt(event, &facts) {
        Some(why) => *exempt.entry(why).or_default() += 1,
        None => survey.put(&facts, event.time),
    })?;
    survey.finish();
    let source = format!("the log in {}", log.directory.display());
    let (subjects, all) = survey.figures();
    let all = all.with_gaps(&baseline);
    let mut left_out = told(&exempt);
    for (count, why) in [
        (survey.failed, "that failed, and that no rule allows"),
        (survey.blocked, "that were blocked, or would have been: see replay"),
    ] {
        left_out.extend((count > 0).then(|| format!("{count} {why}")));
    }
    let counted = (survey.unknown, left_out);
    answer(asked, source, subjects, all, survey.history(), counted).write(as_json, out)?;
    Ok(reading.status())
}

/// A baseline that need not be there: its rules of people are taken if it is.
fn optional(file: &Path) -> Result<Baseline> {
    Ok(FileStore::open(file, Precision::default())?.baseline().clone())
}

/// The subjects that were asked for, those with most flows first.
fn answer<'a>(
    asked: &Asked<'_>,
    source: String,
    subjects: BTreeMap<&'a Subject, Figures>,
    all: Figures,
    history: &'a History,
    (untold, left_out): (u64, Vec<String>),
) -> Answer<'a> {
    let wanted = |subject: &Subject| asked.whose.is_none_or(|whose| show::is_one_of(subject, whose));
    let mut subjects: Vec<_> = subjects.into_iter().filter(|(subject, _)| wanted(subject)).collect();
    subjects.sort_by_key(|(_, figures)| std::cmp::Reverse(figures.counts.flows));
    Answer { source, subjects, all, history, untold, left_out, partial: asked.whose.is_some() }
}

impl Answer<'_> {
    fn write(&self, as_json: bool, out: &mut dyn Write) -> Result<()> {
        if as_json { json(out, &document::of(self)) } else { text::write(self, out) }
    }
}

/// The verdict on some figures, as a sentence.
fn verdict(figures: &Figures) -> String {
    let reasons: Vec<String> = figures.reasons().iter().map(ToString::to_string).collect();
    if reasons.is_empty() { "ready".to_owned() } else { format!("not ready: {}", reasons.join("; ")) }
}
