//! The configuration as a whole.

mod drift;
mod file;
mod otlp;
mod places;
mod reload;

use std::ffi::OsString;
use std::path::Path;

use super::environment::Environment;
use super::file::Source;
use super::load::{layered, settled};
use super::validate::{Findings, Host};
use super::{Loaded, Problems};

/// A host with the name and the group that tests expect.
fn host() -> Host {
    Host { name: "web 1".to_owned(), has_group: |group| group == "adm" }
}

/// What `text` and `variables` mean together; with neither, the defaults.
fn loaded(text: &str, variables: &[(&str, &str)]) -> Result<Loaded, Problems> {
    let variables = variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    let environment = Environment::new(variables);
    let mut findings = Findings::default();
    let path = Path::new("egret.toml");
    let source = Source { path: path.into(), text };
    let layered = layered(Some(&source), &environment, &mut findings);
    findings.warnings.extend(environment.strangers());
    settled(layered, Some(path.to_owned()), host(), findings)
}

fn right(text: &str, variables: &[(&str, &str)]) -> Loaded {
    loaded(text, variables).unwrap_or_else(|problems| panic!("{problems}"))
}

fn wrong(text: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let problems = loaded(text, variables).expect_err("must be refused");
    problems.iter().map(ToString::to_string).collect()
}
