//! What holds, and who said so.

use super::said_by;
use crate::config::given::Origin;
use crate::config::layer::Layered;
use crate::config::load::Loaded;
use crate::config::options::{Entry, SECTIONS};

/// Column at which comments stand, where values are shorter.
const COMMENTS: usize = 47;

/// The configuration that holds, as TOML, with where each value came from as comments. What may be a secret is left out.
#[must_use]
pub fn show(loaded: &Loaded) -> String {
    let sections = SECTIONS.iter().map(|section| {
        let options: String = section.options.iter().map(|entry| option(entry, &loaded.layered)).collect();
        format!("[{}]\n{options}", section.name)
    });
    sections.collect::<Vec<_>>().join("\n")
}

fn option(entry: &Entry, layered: &Layered) -> String {
    let Some(value) = entry.slot.show(&layered.draft) else {
        return format!("# {} is not set\n", entry.name());
    };
    let origins = layered.origins.get(entry.key).map_or(&[Origin::Default][..], Vec::as_slice);
    let by = said_by(origins);
    if entry.slot.secret() {
        return format!("# {} are set, and not shown: {by}\n", entry.name());
    }
    let setting = format!("{} = {value}", entry.name());
    format!("{setting:COMMENTS$} # {by}\n")
}
