//! `egret baseline diff`.

use std::io::Write;
use std::path::Path;

use anyhow::Result;
use egret_enforcer::baseline::{self, Action, Difference, Rule};
use egret_view::table::{TableStyle, printable};
use egret_view::{ColorChoice, exit};
use serde::Serialize;

use super::output::{RuleParts, json};

#[derive(Serialize)]
struct Line {
    change: &'static str,
    action: &'static str,
    #[serde(flatten)]
    parts: RuleParts,
}

pub(super) fn run(first: &Path, second: &Path, as_json: bool, out: &mut dyn Write) -> Result<u8> {
    let (first, second) = (super::read(first)?, super::read(second)?);
    let utf8 = TableStyle::for_stdout(ColorChoice::Never).utf8;
    for difference in baseline::diff(&first, &second) {
        let (sign, change, rule, action) = parts(&difference);
        let action = action.as_str();
        if as_json {
            json(out, &Line { change, action, parts: RuleParts::of(rule) })?;
        } else {
            writeln!(out, "{sign} {action} {}", printable(&rule.to_string(), utf8))?;
        }
    }
    Ok(exit::DONE)
}

const fn parts<'a>(difference: &Difference<'a>) -> (char, &'static str, &'a Rule, Action) {
    match *difference {
        Difference::Added(rule, action) => ('+', "added", rule, action),
        Difference::Removed(rule, action) => ('-', "removed", rule, action),
        Difference::Changed(rule, action) => ('!', "changed", rule, action),
    }
}
