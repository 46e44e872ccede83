//! The report as Markdown with tables (GitHub Flavored Markdown, 4.10).

use std::fmt::Write as _;

use crate::document::{Body, Chart, Document, Section, Table};

/// From empty to full.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

pub(crate) fn page(document: &Document) -> String {
    let mut out = format!("# {}\n\n{}\n", escaped(&document.title), escaped(&document.period));
    out.push('\n');
    for (label, value) in &document.facts {
        let _ = writeln!(out, "* {label}: **{}**", escaped(value));
    }
    out.push('\n');
    for Chart { title, values, most, .. } in &document.charts {
        let _ = writeln!(out, "{title}, at most {}:  \n`{}`\n", escaped(most), line(values));
    }
    document.sections.iter().for_each(|section| put_section(&mut out, section));
    out
}

fn line(values: &[u64]) -> String {
    let most = values.iter().copied().max().unwrap_or_default();
    let bar = |value: &u64| {
        let step = u128::from(*value) * (BARS.len() as u128 - 1);
        let step = step.div_ceil(u128::from(most.max(1)));
        usize::try_from(step).ok().and_then(|step| BARS.get(step)).copied().unwrap_or('█')
    };
    values.iter().map(bar).collect()
}

fn put_section(out: &mut String, Section { title, about, body }: &Section) {
    let _ = writeln!(out, "## {title}\n\n{about}\n");
    match body {
        Body::Table(table) => put_table(out, table),
        Body::Nothing(sentence) => {
            let _ = writeln!(out, "{sentence}\n");
        }
        Body::Lines(text) => {
            for line in text.lines() {
                let _ = writeln!(out, "    {line}");
            }
            out.push('\n');
        }
    }
}

fn put_table(out: &mut String, Table { titles, rows, more }: &Table) {
    let titles: Vec<(&str, &str)> =
        titles.iter().map(|title| title.strip_prefix('>').map_or((*title, "---"), |title| (title, "---:"))).collect();
    let cells = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    out.push_str(&cells(titles.iter().map(|(title, _)| (*title).to_owned()).collect()));
    out.push_str(&cells(titles.iter().map(|(_, rule)| (*rule).to_owned()).collect()));
    rows.iter().for_each(|row| out.push_str(&cells(row.iter().map(|cell| escaped(cell)).collect())));
    if *more > 0 {
        let _ = write!(out, "\n{more} more are not shown.\n");
    }
    out.push('\n');
}

/// Text of traffic without effect: neither markup nor HTML, on one line.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            letter if letter.is_control() => out.push('\u{fffd}'),
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '~' | '&' | '!' | '@' => {
                out.extend(['\\', letter])
            }
            letter => out.push(letter),
        }
    }
    out
}
