//! `grafana/source/*.toml`, and the dashboards generated from them.

mod dashboard;
mod links;
mod panel;
mod target;
mod variables;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde::Deserialize;
use serde_json::Value;

pub(crate) use dashboard::dashboard;

/// The source of a dashboard.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Source {
    pub(crate) uid: String,
    pub(crate) title: String,
    /// Purpose of the dashboard.
    pub(crate) text: String,
    /// Names from [`variables`].
    variables: Vec<String>,
    /// Start of the initial time range.
    range: String,
    /// Annotations by name.
    #[serde(default)]
    annotations: Vec<String>,
    /// What a daemon must do for the dashboard to have data; see [`Panel::needs`].
    needs: Option<String>,
    row: Vec<Row>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    title: String,
    panel: Vec<Panel>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Panel {
    pub(crate) title: String,
    r#type: Kind,
    /// Columns of 24.
    #[serde(default = "half")]
    width: u32,
    #[serde(default = "usual")]
    height: u32,
    /// Meaning of the panel, and what to do about it.
    text: String,
    unit: Option<String>,
    query: Vec<Query>,
    /// Dashboards that the title links to.
    #[serde(default)]
    to: Vec<String>,
    /// The label or column whose values are links.
    follow: Option<links::Subject>,
    /// The limits of yellow and red; with `rising`, values below the first are red and below the second yellow.
    threshold: Option<[f64; 2]>,
    #[serde(default)]
    rising: bool,
    #[serde(default)]
    stacked: bool,
    #[serde(default)]
    bars: bool,
    #[serde(default)]
    stepped: bool,
    /// The series drawn below zero.
    below_zero: Option<String>,
    /// The column by which a table is sorted, largest first.
    sort: Option<String>,
    /// Units of the columns of a table.
    #[serde(default)]
    units: BTreeMap<String, String>,
    /// What must happen for the panel to have data: `baseline`, `shadow`, `would_block`, `enforce`, `block`, or
    /// `trouble`, which no test provokes.
    needs: Option<String>,
    /// JSON that overrides the generated panel.
    #[serde(default)]
    set: Value,
}

fn half() -> u32 {
    12
}

fn usual() -> u32 {
    8
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Stat,
    Timeseries,
    Bargauge,
    Table,
    #[serde(rename = "state-timeline")]
    StateTimeline,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Query {
    /// A PromQL query.
    expr: Option<String>,
    /// A SQL query of the log.
    sql: Option<String>,
    legend: Option<String>,
    /// The name and unit of the value column in a table.
    name: Option<String>,
    unit: Option<String>,
}

/// `grafana/` of the repository.
pub(crate) fn grafana() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../grafana").canonicalize().unwrap()
}

/// Name and source of every dashboard, by name.
pub(crate) fn sources() -> Vec<(String, Source)> {
    files(&grafana().join("source"), "toml")
        .into_iter()
        .map(|(name, text)| {
            let source = toml::from_str(&text).unwrap_or_else(|error| panic!("grafana/source/{name}.toml: {error}"));
            (name, source)
        })
        .collect()
}

/// Name without extension and text of the files in a directory, sorted by name.
pub(crate) fn files(directory: &Path, extension: &str) -> Vec<(String, String)> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), fs::read_to_string(&path).unwrap()))
        .collect();
    files.sort();
    files
}

impl Source {
    /// The panels with their needs.
    pub(crate) fn panels(&self) -> impl Iterator<Item = (&Panel, Option<&str>)> {
        let panels = self.row.iter().flat_map(|row| &row.panel);
        panels.map(|panel| (panel, panel.needs.as_deref().or(self.needs.as_deref())))
    }
}

/// `grafana/dashboards/` is generated from the sources.
pub(crate) fn dashboards_are_up_to_date() {
    let bless = env::var_os("EGRET_BLESS").is_some();
    let directory = grafana().join("dashboards");
    let mut made = Vec::new();
    for (name, source) in sources() {
        let text = format!("{:#}\n", dashboard(&source));
        let path = directory.join(format!("{name}.json"));
        if bless {
            fs::write(&path, &text).unwrap();
        }
        let written = fs::read_to_string(&path).unwrap_or_default();
        assert!(written == text, "{} is not what its source says; EGRET_BLESS=1 writes it anew", path.display());
        made.push(name);
    }
    let there: Vec<String> = files(&directory, "json").into_iter().map(|(name, _)| name).collect();
    assert_eq!(there, made, "a dashboard without source");
}
