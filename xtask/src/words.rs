//! The words check of `cargo xtask check`: code and pages use the words of the field, and one word for one thing.
//!
//! [`TERMS`] lists words that are not used, with the words to use instead. Only patterns without another ordinary meaning are listed.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

/// What is searched. Generated pages are included, because their sources are not all Rust.
const SEARCHED: [&str; 9] =
    ["docs", "ebpf", "enforcer", "exporters", "grafana/source", "tests", "tracer", "xtask", "README.md"];

/// What is not searched: this file has the words themselves.
const NOT_SEARCHED: [&str; 1] = ["xtask/src/words.rs"];

/// Directories that builds and downloads make, which are not searched either.
const GENERATED: [&str; 2] = ["target", "tests/grafana/render/node_modules"];

/// Text of contracts that contains a listed word: options, keys and columns.
const CONTRACT: [&str; 13] = [
    "egret.standing",
    "egret_standing",
    "`standing`",
    "\"standing\"",
    "standing: Flag",
    "standing_sockets",
    "capture.standing",
    "--no-standing",
    "\"no-standing\"",
    "\"untold\"",
    "peer_untold",
    "messages_untold",
    "names_of_hosts",
];

/// How a pattern is delimited.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// A whole word in code and prose: no letter, digit or underscore before and after it.
    Word,
    /// A component of an identifier, in Rust only: no letter or digit before and after it.
    Identifier,
}

struct Term {
    patterns: &'static [&'static str],
    scope: Scope,
    instead: &'static str,
}

const fn word(patterns: &'static [&'static str], instead: &'static str) -> Term {
    Term { patterns, scope: Scope::Word, instead }
}

const fn identifier(patterns: &'static [&'static str], instead: &'static str) -> Term {
    Term { patterns, scope: Scope::Identifier, instead }
}

/// Words that are not used. Patterns are case-sensitive.
const TERMS: &[Term] = &[
    word(&["told", "untold", "tells of", "tell of", "telling of"], "report, emit, distinguish"),
    word(&["gives up", "give up", "gave up", "given up", "giving up"], "drop, lose, stop"),
    identifier(&["give_up", "gives_up", "given_up", "gave_up"], "drop, lose"),
    word(&["stood"], "preexisting"),
    identifier(&["standing", "Standing"], "preexisting"),
    word(&["other end", "other ends", "both ends", "either end", "host's end"], "peer, endpoint"),
    word(&["holder", "holders"], "owner"),
    word(&["put down to", "puts down to"], "attribute"),
    word(&["NOBODY"], "unknown"),
    identifier(&["turn_to", "put_aside", "take_back", "leave_peer"], "reconnect, flush_totals, set_peer"),
    identifier(&["find_or_make"], "get_or_create"),
    word(&["makes place", "make place", "made place", "makes room", "make room", "made room"], "evict"),
    identifier(&["make_room", "makes_room", "make_place", "makes_place", "makeplace"], "evict"),
    word(&["how far egret goes"], "mode"),
    word(
        &["Decision", "Judged", "Judgement", "Judgements", "judgement", "judgements", "Refusal"],
        "evaluation, verdict",
    ),
    word(&["OnFailure"], "failure policy"),
    word(&["Situation"], "mode state"),
    word(&["Alarm"], "fallback monitor"),
    word(&["Desk"], "controller, controller handle"),
    word(&["Book"], "baseline store"),
    word(&["Pen"], "pending events"),
    word(&["ENOUGH", "REST"], "threshold, cool-down"),
    word(&["Shelf", "Place", "Complaint"], "retention, log file, rate-limited error"),
    word(&["Draft", "Given", "Slot", "Layered"], "raw config, merged config"),
    word(&["goes back by itself", "go back by itself"], "revert"),
    word(&["tale", "tales"], "event"),
];

/// A listed word that was found.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    line: usize,
    pattern: &'static str,
    instead: &'static str,
}

pub(crate) fn check(root: &Path) -> Result<()> {
    let mut files = Vec::new();
    for path in SEARCHED {
        collect(root, &root.join(path), &mut files)?;
    }
    files.sort();
    let mut count = 0;
    for file in files {
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let is_rust = file.extension().is_some_and(|extension| extension == "rs");
        for Finding { line, pattern, instead } in find(&text, is_rust) {
            let file = file.strip_prefix(root).unwrap_or(&file).display();
            eprintln!("    {file}:{line}: `{pattern}`; say {instead}");
            count += 1;
        }
    }
    if count > 0 {
        bail!("{count} words that are not used");
    }
    Ok(())
}

/// Collects the files to search below `path`.
fn collect(root: &Path, path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let relative = path.strip_prefix(root).unwrap_or(path);
    if NOT_SEARCHED.iter().chain(&GENERATED).any(|other| relative == Path::new(other)) {
        return Ok(());
    }
    if path.is_dir() {
        for entry in fs::read_dir(path).with_context(|| format!("cannot list {}", path.display()))? {
            collect(root, &entry?.path(), files)?;
        }
    } else if is_searched(path) {
        files.push(path.to_owned());
    }
    Ok(())
}

fn is_searched(path: &Path) -> bool {
    path.extension().is_some_and(|extension| ["rs", "md", "toml"].iter().any(|known| extension == *known))
        && path.file_name().is_some_and(|name| name != "Cargo.toml")
}

fn find(text: &str, is_rust: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let text = CONTRACT.iter().fold(text.to_owned(), |text, contract| text.replace(contract, ""));
        for term in TERMS.iter().filter(|term| is_rust || term.scope == Scope::Word) {
            let found = term.patterns.iter().filter(|pattern| contains(&text, pattern, term.scope));
            findings.extend(found.map(|pattern| Finding { line, pattern, instead: term.instead }));
        }
    }
    findings
}

fn contains(text: &str, pattern: &str, scope: Scope) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || scope == Scope::Word && c == '_';
    text.match_indices(pattern).any(|(begin, _)| {
        let before = text.get(..begin).and_then(|before| before.chars().next_back());
        let after = text.get(begin + pattern.len()..).and_then(|after| after.chars().next());
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(text: &str, is_rust: bool) -> Vec<&'static str> {
        find(text, is_rust).into_iter().map(|finding| finding.pattern).collect()
    }

    #[test]
    fn words_are_found_as_a_whole() {
        assert_eq!(patterns("what is told of it\nan entry makes room", true), ["told", "makes room"]);
        assert_eq!(patterns("untoldable, Placement, a Pencil, outstanding, Slots", true), [""; 0]);
        assert_eq!(
            find("one\nPlace::new()", true),
            [Finding { line: 2, pattern: "Place", instead: "retention, log file, rate-limited error" }]
        );
    }

    #[test]
    fn components_of_identifiers_are_found_in_rust_only() {
        assert_eq!(patterns("self.list_standing()", true), ["standing"]);
        assert_eq!(patterns("a long-standing rule", false), [""; 0]);
    }

    #[test]
    fn names_of_the_contract_are_allowed() {
        assert_eq!(patterns("\"egret.standing\": true, // `standing` and peer_untold", true), [""; 0]);
    }

    #[test]
    fn listed_paths_exist() {
        let root = crate::workspace::root().unwrap();
        for path in SEARCHED.iter().chain(&NOT_SEARCHED) {
            assert!(root.join(path).exists(), "{path}");
        }
    }
}
