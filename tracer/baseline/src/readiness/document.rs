//! Readiness as JSON.

use egret_enforcer::baseline::{CONFIDENCE, Day, Figures, Hours, Subject, date_of};
use serde::Serialize;

use super::super::output::SubjectParts;
use super::{Report, verdict};

#[derive(Serialize)]
pub(super) struct Document<'a> {
    source: &'a str,
    confidence: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    overall: Option<Part>,
    #[serde(rename = "untold")]
    unknown: u64,
    left_out: &'a [String],
    days: Vec<DayPart>,
    subjects: Vec<SubjectPart>,
}

#[derive(Serialize)]
struct Part {
    ready: bool,
    verdict: String,
    reasons: Vec<String>,
    caveats: Vec<String>,
    flows: u64,
    rules: u64,
    seen_once: u64,
    days: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    hours_of_day: Option<Vec<u32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    novelty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    novelty_at_most: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recent_novelty: Option<f64>,
    gaps: usize,
    lost: u64,
    tried: u64,
    failed: u64,
}

#[derive(Serialize)]
struct SubjectPart {
    #[serde(flatten)]
    subject: SubjectParts,
    #[serde(flatten)]
    part: Part,
}

#[derive(Serialize)]
struct DayPart {
    date: String,
    flows: u64,
    new: u64,
    hours: String,
}

pub(super) fn of<'a>(report: &'a Report<'_>) -> Document<'a> {
    let subject = |(subject, figures): &(&Subject, Figures)| SubjectPart {
        subject: SubjectParts::of(subject),
        part: part(figures),
    };
    Document {
        source: &report.source,
        confidence: CONFIDENCE,
        overall: (!report.partial).then(|| part(&report.all)),
        unknown: report.unknown,
        left_out: &report.left_out,
        days: report.history.days().filter_map(|(day, what)| self::day(day, what)).collect(),
        subjects: report.subjects.iter().map(subject).collect(),
    }
}

fn day(day: i64, Day { flows, new, hours }: Day) -> Option<DayPart> {
    Some(DayPart { date: date_of(day)?.to_string(), flows, new, hours: Hours(hours).to_string() })
}

#[allow(clippy::cast_precision_loss, reason = "a ratio to a few digits")]
fn part(figures: &Figures) -> Part {
    let Figures { counts, days, hours, recent, gaps, lost, tried, failed } = *figures;
    let reasons: Vec<String> = figures.reasons().iter().map(ToString::to_string).collect();
    let caveats: Vec<String> = figures.caveats().iter().map(ToString::to_string).collect();
    Part {
        ready: reasons.is_empty(),
        verdict: verdict(figures),
        reasons,
        caveats,
        flows: counts.flows,
        rules: counts.rules,
        seen_once: counts.once,
        days,
        hours_of_day: hours.map(|hours| (0..24).filter(|hour| hours & 1 << hour != 0).collect()),
        novelty: counts.novelty(),
        novelty_at_most: counts.novelty_at_most(),
        recent_novelty: recent.filter(|day| day.flows > 0).map(|day| day.new as f64 / day.flows as f64),
        gaps,
        lost,
        tried,
        failed,
    }
}
