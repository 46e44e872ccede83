//! What `grafana/source/*.toml` say, and the dashboards that are made of it.

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

/// A dashboard as it is written by hand.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Source {
    pub(crate) uid: String,
    pub(crate) title: String,
    /// What it is for.
    pub(crate) text: String,
    /// Names of [`variables`].
    variables: Vec<String>,
    /// The beginning of the time that it opens with.
    range: String,
    /// Marks over time, by name.
    #[serde(default)]
    annotations: Vec<String>,
    /// What a daemon must do for it to have data; see [`Panel::needs`].
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
    /// Of 24.
    #[serde(default = "half")]
    width: u32,
    #[serde(default = "usual")]
    height: u32,
    /// What it shows, and what to do about it.
    text: String,
    unit: Option<String>,
    query: Vec<Query>,
    /// Dashboards that its title leads to.
    #[serde(default)]
    to: Vec<String>,
    /// The label or column whose values lead on.
    follow: Option<links::Subject>,
    /// From where on it is yellow, and red; with `rising`, red below the first, yellow below the second.
    threshold: Option<[f64; 2]>,
    #[serde(default)]
    rising: bool,
    #[serde(default)]
    stacked: bool,
    #[serde(default)]
    bars: bool,
    #[serde(default)]
    stepped: bool,
    /// The series that is drawn below zero.
    below_zero: Option<String>,
    /// The column that a table is sorted by, largest first.
    sort: Option<String>,
    /// Units of the columns of a table.
    #[serde(default)]
    units: BTreeMap<String, String>,
    /// What must happen for it to have data: `baseline`, `shadow`, `would_block`, `enforce`, `block`, or `trouble`,
    /// which no test makes.
    needs: Option<String>,
    /// Goes over what is made.
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
    /// PromQL.
    expr: Option<String>,
    /// SQL, over the log.
    sql: Option<String>,
    legend: Option<String>,
    /// The column of a table that its values are in, and their unit.
    name: Option<String>,
    unit: Option<String>,
}

/// `grafana/` of the repository.
pub(crate) fn grafana() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../grafana").canonicalize().unwrap()
}

/// Every dashboard's name and source, by name.
pub(crate) fn sources() -> Vec<(String, Source)> {
    files(&grafana().join("source"), "toml")
        .into_iter()
        .map(|(name, text)| {
            let source = toml::from_str(&text).unwrap_or_else(|error| panic!("grafana/source/{name}.toml: {error}"));
            (name, source)
        })
        .collect()
}

/// Name without extension and text of the files in a directory, by name.
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
    /// What each of its panels needs, by title.
    pub(crate) fn panels(&self) -> impl Iterator<Item = (&Panel, Option<&str>)> {
        let panels = self.row.iter().flat_map(|row| &row.panel);
        panels.map(|panel| (panel, panel.needs.as_deref().or(self.needs.as_deref())))
    }
}

/// `grafana/dashboards/` has what the sources say.
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
