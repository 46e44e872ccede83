//! Readiness for people.

use std::io::Write;

use anyhow::Result;
use egret_enforcer::baseline::{CONFIDENCE, Day, Figures, Hours, Percent, date_of};

use super::super::output::{Columns, counted, labelled};
use super::{Answer, verdict};

/// Days shown; --json has them all.
const DAYS: usize = 28;

pub(super) fn write(answer: &Answer<'_>, out: &mut dyn Write) -> Result<()> {
    if answer.partial {
        for (subject, figures) in &answer.subjects {
            labelled(out, "who", &subject.to_string())?;
            part(figures, out)?;
            writeln!(out)?;
        }
        if answer.subjects.is_empty() {
            eprintln!("egret: no flow of these processes is known");
        }
        labelled(out, "from", &answer.source)?;
        return Ok(());
    }
    part(&answer.all, out)?;
    if answer.untold > 0 {
        let said = "flows are of programs, users or peers that are not known; no rule can be learned for them";
        labelled(out, "", &format!("{} {said}", answer.untold))?;
    }
    for (index, line) in answer.left_out.iter().enumerate() {
        labelled(out, if index == 0 { "left out" } else { "" }, line)?;
    }
    labelled(out, "from", &answer.source)?;
    days(answer, out)?;
    subjects(answer, out)
}

/// The verdict, and the figures that it is made from.
fn part(figures: &Figures, out: &mut dyn Write) -> Result<()> {
    labelled(out, "verdict", &verdict(figures))?;
    for caveat in figures.caveats() {
        labelled(out, "", &caveat.to_string())?;
    }
    let Figures { counts, days, hours, .. } = *figures;
    let hours = hours.map(|hours| format!(", in hours {} (UTC)", Hours(hours)));
    labelled(out, "flows", &format!("{} on {}{}", counts.flows, counted(days, "day"), hours.unwrap_or_default()))?;
    labelled(out, "rules", &format!("{}, of which {} were used once", counts.rules, counts.once))?;
    if let Some((novelty, bound)) = counts.novelty().zip(counts.novelty_at_most()) {
        let (estimate, sure) = (Percent(novelty), Percent(CONFIDENCE));
        let bound = if bound < 1.0 {
            format!("at most {} with a probability of {sure}", Percent(bound))
        } else {
            "not bounded at all by so few flows: it may be 100 %".to_owned()
        };
        labelled(out, "next flow", &format!("is new with an estimated chance of {estimate}, {bound}"))?;
    }
    Ok(())
}

fn days(answer: &Answer<'_>, out: &mut dyn Write) -> Result<()> {
    let mut columns = Columns::new(["DAY", ">FLOWS", ">NEW", ">SHARE", "HOURS"]);
    let first = answer.history.days().len().saturating_sub(DAYS);
    for (day, Day { flows, new, hours }) in answer.history.days().skip(first) {
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

fn subjects(answer: &Answer<'_>, out: &mut dyn Write) -> Result<()> {
    let mut columns =
        Columns::new(["READY", ">FLOWS", ">RULES", ">ONCE", ">DAYS", ">HOURS", ">ESTIMATE", ">AT MOST", "SUBJECT"]);
    for (subject, figures) in &answer.subjects {
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
