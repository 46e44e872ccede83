//! Readiness as text.

use std::io::Write;

use anyhow::Result;
use egret_enforcer::baseline::{CONFIDENCE, Day, Figures, Hours, Percent, date_of};

use super::super::output::{Columns, counted, labelled};
use super::{Report, verdict};

/// Most days shown; --json has all.
const DAYS: usize = 28;

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> Result<()> {
    if report.partial {
        for (subject, figures) in &report.subjects {
            labelled(out, "subject", &subject.to_string())?;
            part(figures, out)?;
            writeln!(out)?;
        }
        if report.subjects.is_empty() {
            eprintln!("egret: the baseline has no flow of this subject");
        }
        labelled(out, "source", &report.source)?;
        return Ok(());
    }
    part(&report.all, out)?;
    if report.unknown > 0 {
        let said = "flows have an unknown program, user or peer; no rule can be learned for them";
        labelled(out, "", &format!("{} {said}", report.unknown))?;
    }
    for (index, line) in report.left_out.iter().enumerate() {
        labelled(out, if index == 0 { "excluded" } else { "" }, line)?;
    }
    labelled(out, "source", &report.source)?;
    days(report, out)?;
    subjects(report, out)
}

/// The result and its figures.
pub(super) fn part(figures: &Figures, out: &mut dyn Write) -> Result<()> {
    labelled(out, "verdict", &verdict(figures))?;
    for caveat in figures.caveats() {
        labelled(out, "", &caveat.to_string())?;
    }
    let Figures { counts, days, hours, .. } = *figures;
    let hours = hours.map(|hours| format!(", in hours {} (UTC)", Hours(hours)));
    labelled(out, "flows", &format!("{} on {}{}", counts.flows, counted(days, "day"), hours.unwrap_or_default()))?;
    labelled(out, "rules", &format!("{}, {} of them used once", counts.rules, counts.once))?;
    if let Some((novelty, bound)) = counts.novelty().zip(counts.novelty_at_most()) {
        let (estimate, sure) = (Percent(novelty), Percent(CONFIDENCE));
        let bound = if bound < 1.0 {
            format!("at most {} with a probability of {sure}", Percent(bound))
        } else {
            "without a bound because of few flows: it may be 100 %".to_owned()
        };
        labelled(out, "next flow", &format!("new with an estimated chance of {estimate}, {bound}"))?;
    }
    Ok(())
}

fn days(report: &Report<'_>, out: &mut dyn Write) -> Result<()> {
    let mut columns = Columns::new(["DAY", ">FLOWS", ">NEW", ">SHARE", "HOURS"]);
    let first = report.history.days().len().saturating_sub(DAYS);
    for (day, Day { flows, new, hours }) in report.history.days().skip(first) {
        let date = date_of(day).map(|date| date.to_string()).unwrap_or_default();
        let share = Percent::of(new, flows).to_string();
        columns.row([date, flows.to_string(), new.to_string(), share, Hours(hours).to_string()]);
    }
    if !columns.is_empty() {
        writeln!(out)?;
        columns.write(out)?;
    }
    Ok(())
}

fn subjects(report: &Report<'_>, out: &mut dyn Write) -> Result<()> {
    let mut columns =
        Columns::new(["READY", ">FLOWS", ">RULES", ">ONCE", ">DAYS", ">HOURS", ">ESTIMATE", ">AT MOST", "SUBJECT"]);
    for (subject, figures) in &report.subjects {
        let Figures { counts, days, hours, .. } = figures;
        let share = |share: Option<f64>| share.map_or_else(|| "-".to_owned(), |share| Percent(share).to_string());
        columns.row([
            if figures.reasons().is_empty() { "yes" } else { "no" }.to_owned(),
            counts.flows.to_string(),
            counts.rules.to_string(),
            counts.once.to_string(),
            days.to_string(),
            hours.map_or_else(|| "-".to_owned(), |hours| hours.count_ones().to_string()),
            share(counts.novelty()),
            share(counts.novelty_at_most()),
            subject.to_string(),
        ]);
    }
    if !columns.is_empty() {
        writeln!(out)?;
        columns.write(out)?;
    }
    Ok(())
}
