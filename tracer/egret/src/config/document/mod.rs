//! Pages made from the list of options.

mod example;
mod reference;
mod show;

pub use self::example::example;
pub use self::reference::reference;
pub use self::show::show;

use super::given::Origin;
use super::layer::{self, Layered};
use super::options::{Entry, Fallback};

/// The default of an option as TOML.
fn default_of(entry: &Entry, defaults: &Layered) -> Option<String> {
    match entry.default {
        Fallback::Value(_) => entry.slot.show(&defaults.draft),
        Fallback::Unset { .. } => None,
    }
}

fn defaults() -> Layered {
    let mut layered = Layered::default();
    layered.add(&layer::defaults(), &mut Vec::new());
    layered
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

/// Who said it, for a comment.
fn said_by(origins: &[Origin]) -> String {
    let names: Vec<_> = origins.iter().map(Origin::to_string).collect();
    names.join(" and ")
}
