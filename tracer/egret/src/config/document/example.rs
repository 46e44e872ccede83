//! The example file: every option with its default, commented out.

use super::{default_of, defaults, wrapped};
use crate::config::layer::Layered;
use crate::config::options::{Entry, Fallback, SECTIONS, Section};

/// Columns of a comment's text.
const WIDTH: usize = 110;

const HEAD: &str = "\
# The configuration of `egret run`, /etc/egret/egret.toml.
#
# Everything below is commented out and shows the defaults: an empty file, or none, means the same. An option without
# a default is shown as an example, after `e.g.`. `egret config check` says what is wrong with this file, and
# `egret config show` what holds, and why. This page is made by `egret config example`.
";

/// An example file, in which nothing is set.
#[must_use]
pub fn example() -> String {
    let defaults = defaults();
    let sections = SECTIONS.iter().map(|section| shown(section, &defaults));
    std::iter::once(HEAD.to_owned()).chain(sections).collect()
}

fn shown(section: &Section, defaults: &Layered) -> String {
    let options: String = section.options.iter().map(|entry| option(entry, defaults)).collect();
    format!("\n{}[{}]\n{options}", comment(section.about), section.name)
}

fn option(entry: &Entry, defaults: &Layered) -> String {
    let line = match (entry.default, default_of(entry, defaults)) {
        (Fallback::Unset { means, example }, _) => {
            format!("# Default: {}.\n# e.g. {} = {example}\n", means.replace('`', ""), entry.name())
        }
        (_, Some(default)) => format!("#{} = {default}\n", entry.name()),
        (_, None) => String::new(),
    };
    format!("\n{}{line}", comment(entry.about))
}

fn comment(text: &str) -> String {
    wrapped(&text.replace('`', ""), WIDTH).iter().map(|line| format!("# {line}\n")).collect()
}
