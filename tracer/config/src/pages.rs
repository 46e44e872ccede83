//! Pages generated from the options: the reference, the example, and the configuration in effect.

use crate::load::Loaded;
use crate::merged::MergedConfig;
use crate::options::{DefaultValue, Entry, Reload, SECTIONS, Section};
use crate::raw::Origin;
use crate::sources::standard;

const REFERENCE_HEAD: &str = include_str!("reference.md");

/// The reference of all options, as Markdown.
#[must_use]
pub fn reference() -> String {
    let defaults = defaults();
    let sections: String = SECTIONS.iter().map(|section| reference_section(section, &defaults)).collect();
    let head = REFERENCE_HEAD.replace("{standard}", &standard_variables());
    format!("{head}{sections}")
}

fn reference_section(section: &Section, defaults: &MergedConfig) -> String {
    let options: String = section.options.iter().map(|entry| reference_option(entry, defaults)).collect();
    format!("\n## `[{}]`\n\n{}\n{options}", section.name, section.about())
}

fn reference_option(entry: &Entry, defaults: &MergedConfig) -> String {
    let default = match (entry.default, default_of(entry, defaults)) {
        (DefaultValue::Unset { means, example }, _) => format!("not set ({means}); for example `{example}`"),
        (_, default) => format!("`{}`", default.unwrap_or_default()),
    };
    let reload = match entry.reload {
        Reload::Live => "at once",
        Reload::Sink => "restarts this sink",
        Reload::Restart => "after a restart",
    };
    format!(
        "\n### `{}`\n\n{}\n\n| value | default | variable | on reload |\n|---|---|---|---|\n| {} | {default} | `{}` | {reload} |\n",
        entry.key,
        entry.about(),
        entry.access.expected(),
        entry.variable(),
    )
}

/// OpenTelemetry's variables, as rows of a table.
fn standard_variables() -> String {
    let strict = standard::STRICT.iter().map(|(name, key)| (*name, *key));
    let lenient = standard::LENIENT.iter().map(|(name, key, _)| (*name, *key));
    let resource = (standard::RESOURCE, "otlp.resource");
    let rows = strict.chain(lenient).chain([resource]);
    rows.map(|(name, key)| format!("| `{name}` | `{key}` |\n")).collect()
}

/// Columns of a comment.
const WIDTH: usize = 110;

const EXAMPLE_HEAD: &str = "\
# The configuration of `egret run`, /etc/egret/egret.toml.
#
# Everything below is commented out and shows the defaults: without a file, or with an empty one, egret behaves the same.
# An option without a default has an example after `e.g.`. `egret config check` reports all errors in this file.
# `egret config show` shows the configuration in effect and the origin of each value. `egret config example` writes this
# page.
";

/// An example file in which every option is commented out.
#[must_use]
pub fn example() -> String {
    let defaults = defaults();
    let sections = SECTIONS.iter().map(|section| example_section(section, &defaults));
    std::iter::once(EXAMPLE_HEAD.to_owned()).chain(sections).collect()
}

fn example_section(section: &Section, defaults: &MergedConfig) -> String {
    let options: String = section.options.iter().map(|entry| example_option(entry, defaults)).collect();
    format!("\n{}[{}]\n{options}", comment(section.about()), section.name)
}

fn example_option(entry: &Entry, defaults: &MergedConfig) -> String {
    let line = match (entry.default, default_of(entry, defaults)) {
        (DefaultValue::Unset { means, example }, _) => {
            format!("# Default: {}.\n# e.g. {} = {example}\n", means.replace('`', ""), entry.name())
        }
        (_, Some(default)) => format!("#{} = {default}\n", entry.name()),
        (_, None) => String::new(),
    };
    format!("\n{}{line}", comment(entry.about()))
}

fn comment(text: &str) -> String {
    wrapped(&text.replace('`', ""), WIDTH).iter().map(|line| format!("# {line}\n")).collect()
}

/// Column of the comments, if the value is not longer.
const COMMENTS: usize = 47;

/// The configuration in effect as TOML, with the origin of each value as a comment. Values that may be secrets are not
/// shown.
#[must_use]
pub fn show(loaded: &Loaded) -> String {
    let sections = SECTIONS.iter().map(|section| {
        let options: String = section.options.iter().map(|entry| shown_option(entry, &loaded.merged)).collect();
        format!("[{}]\n{options}", section.name)
    });
    sections.collect::<Vec<_>>().join("\n")
}

fn shown_option(entry: &Entry, merged: &MergedConfig) -> String {
    let Some(value) = entry.access.show(&merged.config) else {
        return format!("# {} is not set\n", entry.name());
    };
    let origins = merged.origins.get(entry.key).map_or(&[Origin::Default][..], Vec::as_slice);
    let by = origin_list(origins);
    if entry.access.secret() {
        return format!("# {} are set but not shown: {by}\n", entry.name());
    }
    let setting = format!("{} = {value}", entry.name());
    format!("{setting:COMMENTS$} # {by}\n")
}

fn default_of(entry: &Entry, defaults: &MergedConfig) -> Option<String> {
    match entry.default {
        DefaultValue::Text(_) => entry.access.show(&defaults.config),
        DefaultValue::Unset { .. } => None,
    }
}

fn defaults() -> MergedConfig {
    MergedConfig::defaults(&mut Vec::new())
}

/// Breaks text into lines of at most `width` characters, at blanks.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut().filter(|line| line.chars().count() + 1 + word.chars().count() <= width) {
            Some(line) => line.extend([" ", word]),
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Origins for a comment.
fn origin_list(origins: &[Origin]) -> String {
    let names: Vec<_> = origins.iter().map(Origin::to_string).collect();
    names.join(" and ")
}
