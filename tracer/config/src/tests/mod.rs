//! Tests of the whole configuration.

mod file;
mod generated;
mod otlp;
mod precedence;
mod reload;

use std::ffi::OsString;
use std::path::Path;

use crate::accounts::Account;
use crate::diagnostics::Diagnostics;
use crate::load::{merged, resolve};
use crate::sources::environment::Environment;
use crate::sources::file::Source;
use crate::validate::Host;
use crate::{Loaded, Problems};

/// A host with the name and the accounts that tests expect.
fn host() -> Host {
    let names = |account| match account {
        Account::User => vec!["root".to_owned(), "backup".to_owned()],
        Account::Group => vec!["adm".to_owned(), "systemd-network".to_owned()],
    };
    Host {
        name: "web 1".to_owned(),
        has_account: |account, name| Some((host().account_names)(account).iter().any(|known| known == name)),
        account_names: names,
    }
}

/// Loads a file with this text, and these variables.
fn loaded(text: &str, variables: &[(&str, &str)]) -> Result<Loaded, Problems> {
    let variables = variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    let environment = Environment::new(variables);
    let mut diagnostics = Diagnostics::default();
    let path = Path::new("egret.toml");
    let source = Source { path: path.into(), text };
    let merged = merged(Some(&source), &environment, &mut diagnostics);
    diagnostics.warnings.extend(environment.unknown_variables());
    resolve(merged, Some(path.to_owned()), host(), diagnostics)
}

fn right(text: &str, variables: &[(&str, &str)]) -> Loaded {
    loaded(text, variables).unwrap_or_else(|problems| panic!("{problems}"))
}

fn wrong(text: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let problems = loaded(text, variables).expect_err("must be refused");
    problems.iter().map(ToString::to_string).collect()
}
