//! The reference page.

use super::{default_of, defaults};
use crate::config::layer::Layered;
use crate::config::options::{Entry, Fallback, Reload, SECTIONS, Section};
use crate::config::standard;

const HEAD: &str = include_str!("reference.md");

/// The reference of all options, as Markdown.
#[must_use]
pub fn reference() -> String {
    let defaults = defaults();
    let sections: String = SECTIONS.iter().map(|section| shown(section, &defaults)).collect();
    let head = HEAD.replace("{standard}", &standard_variables());
    format!("{head}{sections}")
}

fn shown(section: &Section, defaults: &Layered) -> String {
    let options: String = section.options.iter().map(|entry| option(entry, defaults)).collect();
    format!("\n## `[{}]`\n\n{}\n{options}", section.name, section.about)
}

fn option(entry: &Entry, defaults: &Layered) -> String {
    let default = match (entry.default, default_of(entry, defaults)) {
        (Fallback::Unset { means, example }, _) => format!("not set ({means}); for example `{example}`"),
        (_, default) => format!("`{}`", default.unwrap_or_default()),
    };
    let reload = match entry.reload {
        Reload::Live => "at once",
        Reload::Sink => "starts this sink anew",
        Reload::Restart => "after a restart",
    };
    format!(
        "\n### `{}`\n\n{}\n\n| value | default | variable | on reload |\n|---|---|---|---|\n| {} | {default} | `{}` | {reload} |\n",
        entry.key,
        entry.about,
        entry.slot.expected(),
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
