//! The pages.

use std::fs;
use std::path::{Path, PathBuf};

use egret_exporters::prometheus::{catalogue, page};

use super::catalogue::labels;
use super::dashboards::dashboards;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every word in a page that looks like a metric is one, or is a prefix of metrics.
pub(super) fn use_only_served_metrics() {
    let mut pages = vec![root().join("README.md")];
    let mut directories = vec![root().join("docs"), root().join("grafana")];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        let columns = read("docs/schema.md");
        let words = text.split(|one: char| !one.is_ascii_alphanumeric() && one != '_');
        for word in words.filter(|word| word.starts_with("egret_")) {
            let begins = word.ends_with('_') && catalogue().iter().any(|metric| metric.name.starts_with(word));
            let named = labels(word).is_some() || catalogue().iter().any(|metric| metric.name == word);
            // Columns of the log and crates have similar names.
            let other = columns.contains(&format!("`{word}`")) || word.starts_with("egret_model") || is_crate(word);
            assert!(named || begins || other, "{} names {word}, which egret does not serve", page.display());
        }
    }
}

fn is_crate(word: &str) -> bool {
    read("Cargo.toml").contains(&format!("{} = {{ path", word.replace('_', "-")))
}

pub(super) fn describe_every_metric() {
    let written = read("docs/metrics.md");
    assert_eq!(written, page(), "docs/metrics.md is not what the code says");
    for metric in catalogue() {
        assert!(metric.help.len() > 10 && written.contains(&format!("| `{}` |", metric.name)), "{}", metric.name);
    }
}

pub(super) fn have_every_dashboard() {
    let written = read("docs/dashboards.md");
    for (name, dashboard) in dashboards() {
        let title = dashboard["title"].as_str().unwrap();
        assert!(written.contains(&format!("## {title}")), "docs/dashboards.md has no section \"{title}\"");
        let picture = format!("pictures/{name}.png");
        assert!(written.contains(&format!("]({picture})")), "docs/dashboards.md does not show {picture}");
        assert!(root().join("docs").join(&picture).is_file(), "no docs/{picture}");
    }
}
