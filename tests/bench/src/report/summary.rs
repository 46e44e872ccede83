//! The summary of `docs/benchmarks.md`, made of the aims of its sections.

use super::table::Table;

const HEAD: &str = "\
# Benchmarks

What egret costs, from which rate on it loses records, and which of its aims it misses. The table has every aim with the latest
measurement; the sections below it have all results.

";

const READING: &str = "\
## How to read it

`cargo xtask bench NAME --write` writes this page; do not edit it by hand. Each section has the date, machine and command of its
measurement.

Configurations are compared within rounds. Each round runs every configuration, in an order that rotates. A ratio is untraced time
over traced time in the same round (1.00 is as fast as untraced, 0.90 is a tenth slower), given as the median over the rounds, with
minimum and maximum. **The control column is untraced, measured a second time**: its spread is noise, and a smaller difference is not
significant. Times depend on the machine; ratios are easier to compare. A loop without work between its calls is a tracer's worst
case; real programs are slowed down less.

";

/// Aims of a section with the same target, relative to the same baseline.
struct Group<'a> {
    aim: &'a str,
    relative_to: Option<&'a str>,
    /// What was measured, its figure, and whether it was met.
    measured: Vec<(&'a str, &'a str, bool)>,
}

/// The text with a new summary, before its first section.
pub(super) fn with_summary(text: &str) -> String {
    let sections = text.find("<!-- begin ").and_then(|start| text.get(start..)).unwrap_or_default();
    format!("{HEAD}{}\n\n{}{READING}{sections}", aims(sections), contents(sections))
}

/// A line for each aim.
fn aims(sections: &str) -> String {
    let mut table = Table::new(["what", "aim", "measured", ""]);
    for section in sections.split("<!-- begin ").skip(1) {
        let title = title(section).unwrap_or_default();
        for group in groups(section) {
            let what = format!("[{title}](#{}): {}", anchor(title), group.names(|_| true));
            table.row([&what, &group.describe(), &group.figure(), &group.result()]);
        }
    }
    table.to_string().trim().to_owned()
}

/// A link to each section, with the time of its measurement.
fn contents(sections: &str) -> String {
    let line = |section: &str| {
        let title = title(section)?;
        let measured = section.split_once("\nMeasured ").and_then(|(_, rest)| rest.split_whitespace().next())?;
        Some(format!("* [{title}](#{}), measured {measured}\n", anchor(title)))
    };
    let lines: String = sections.split("<!-- begin ").skip(1).filter_map(line).collect();
    format!("## Measurements\n\n{lines}\n")
}

fn title(section: &str) -> Option<&str> {
    section.lines().find_map(|line| line.strip_prefix("## "))
}

/// The anchor that GitHub makes of a heading.
fn anchor(title: &str) -> String {
    let kept =
        title.to_lowercase().chars().filter(|one| one.is_alphanumeric() || " -".contains(*one)).collect::<String>();
    kept.replace(' ', "-")
}

fn groups(section: &str) -> Vec<Group<'_>> {
    let rows = section.lines().filter(|line| line.ends_with("| met |") || line.ends_with("| **not met** |"));
    let mut groups: Vec<Group<'_>> = Vec::new();
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [what, aim, measured, met] = cells[..] else { continue };
        let (what, relative_to) = what.split_once("relative to ").map_or((what, None), |(what, to)| (what, Some(to)));
        let name = what.split([':', ',']).next().unwrap_or(what).trim_end();
        let one = (name, measured.split(';').next().unwrap_or(measured), met == "met");
        match groups.iter_mut().find(|group| (group.aim, group.relative_to) == (aim, relative_to)) {
            Some(group) => group.measured.push(one),
            None => groups.push(Group { aim, relative_to, measured: vec![one] }),
        }
    }
    groups
}

impl Group<'_> {
    /// The unique names of the selected aims; their common condition is named once.
    fn names(&self, wanted: impl Fn(bool) -> bool) -> String {
        let mut names: Vec<&str> = Vec::new();
        for (name, _, _) in self.measured.iter().filter(|(_, _, met)| wanted(*met)) {
            if !names.contains(name) {
                names.push(name);
            }
        }
        let under =
            names.first().and_then(|name| name.split_once(" under ")).map(|(_, under)| format!(" under {under}"));
        match under.filter(|under| names.iter().all(|name| name.ends_with(under.as_str()))) {
            Some(under) => {
                names.iter().map(|name| name.trim_end_matches(under.as_str())).collect::<Vec<_>>().join(", ") + &under
            }
            None => names.join(", "),
        }
    }

    fn describe(&self) -> String {
        self.relative_to.map_or_else(|| self.aim.to_owned(), |to| format!("{} of {to}", self.aim))
    }

    /// The figure, or the range of several.
    fn figure(&self) -> String {
        let first = |figure: &str| figure.split_whitespace().next().and_then(|number| number.parse::<f64>().ok());
        let numbers: Option<Vec<f64>> = self.measured.iter().map(|(_, figure, _)| first(figure)).collect();
        match (&self.measured[..], numbers) {
            ([(_, figure, _)], _) => (*figure).to_owned(),
            (_, Some(numbers)) => {
                let least = numbers.iter().copied().fold(f64::INFINITY, f64::min);
                let most = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                format!("{least:.2} to {most:.2}")
            }
            (several, None) => several.iter().map(|(_, figure, _)| *figure).collect::<Vec<_>>().join(", "),
        }
    }

    fn result(&self) -> String {
        let met = self.measured.iter().filter(|(_, _, met)| *met).count();
        match (met, self.measured.len()) {
            (met, all) if met == all => "met".to_owned(),
            (0, _) => "**not met**".to_owned(),
            _ => format!("**not met** by {}", self.names(|met| !met)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{env, fs};

    use super::*;

    const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/benchmarks.md");

    #[test]
    fn aims_with_one_figure_share_a_line() {
        let sections = "<!-- begin a -->\n\n## A, b: c\n\nMeasured 2026-11-23 with x.\n\n\
                        | `one` under x | at least 0.90 | 0.823 (0.42–1.12); by CPU 1 | **not met** |\n\
                        | `two` under x | at least 0.90 | 0.940 (0.75–1.14) | met |\n\
                        | `two`: e, relative to d | at least 0.90 | 1.2 | met |\n";
        let page = with_summary(sections);
        assert!(
            page.contains(
                "| [A, b: c](#a-b-c): `one`, `two` under x | at least 0.90 | 0.82 to 0.94 | **not met** by `one` under x |"
            ),
            "{page}"
        );
        assert!(page.contains("| [A, b: c](#a-b-c): `two` | at least 0.90 of d | 1.2 | met |"), "{page}");
        assert!(page.contains("* [A, b: c](#a-b-c), measured 2026-11-23\n"), "{page}");
        assert!(page.ends_with(sections), "{page}");
    }

    /// `EGRET_BLESS=1` regenerates it.
    #[test]
    fn summary_is_up_to_date() {
        let text = fs::read_to_string(PAGE).unwrap();
        if env::var_os("EGRET_BLESS").is_some() {
            fs::write(PAGE, with_summary(&text)).unwrap();
        }
        let text = fs::read_to_string(PAGE).unwrap();
        assert!(text == with_summary(&text), "docs/benchmarks.md: EGRET_BLESS=1 writes its first page anew");
    }
}
