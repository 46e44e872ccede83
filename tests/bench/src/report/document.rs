//! `docs/benchmarks.md`: a summary, then a section for each part, each replaced separately.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::summary::with_summary;

/// One part of the report.
pub(crate) struct Section {
    /// Names the part in the file.
    pub(crate) key: &'static str,
    /// Markdown, heading included.
    pub(crate) text: String,
}

/// The file.
pub(crate) struct Document {
    path: PathBuf,
}

impl Document {
    /// The one in this repository.
    pub(crate) fn in_repository() -> Self {
        Self { path: concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/benchmarks.md").into() }
    }

    /// Puts a section in place of the one with its key, or at the end.
    pub(crate) fn put(&self, section: &Section) -> Result<()> {
        let text = fs::read_to_string(&self.path).unwrap_or_default();
        fs::write(&self.path, with_summary(&with_section(&text, section)))
            .with_context(|| format!("cannot write {}", self.path.display()))
    }
}

fn with_section(text: &str, section: &Section) -> String {
    let Section { key, text: new } = section;
    let (begin, end) = (format!("<!-- begin {key} -->\n"), format!("<!-- end {key} -->\n"));
    let block = format!("{begin}\n{}\n\n{end}", new.trim());
    let place = text.split_once(&begin).and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
    match place {
        Some((before, after)) => format!("{before}{block}{after}"),
        None => format!("{}\n\n{block}", text.trim_end()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Section, with_section};

    fn section(key: &'static str, text: &str) -> Section {
        Section { key, text: text.to_owned() }
    }

    #[test]
    fn new_section_replaces_only_its_former_text() {
        let first = with_section("# Head\n", &section("idle", "old"));
        let second = with_section(&first, &section("storm", "rates"));
        let third = with_section(&second, &section("idle", "new"));
        assert_eq!(
            third,
            "# Head\n\n<!-- begin idle -->\n\nnew\n\n<!-- end idle -->\n\n<!-- begin storm -->\n\nrates\n\n<!-- end storm -->\n"
        );
    }
}
