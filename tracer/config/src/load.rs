//! Loads the configuration from all sources.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use nix::sys::utsname::uname;

use crate::accounts::Account;
use crate::diagnostics::{Diagnostics, Problem, Problems, Warning};
use crate::merged::MergedConfig;
use crate::raw::{Origin, RawConfig};
use crate::settings::Settings;
use crate::sources::environment::Environment;
use crate::sources::file::Source;
use crate::sources::{file, headers_file, standard};
use crate::validate::Host;
use crate::{DEFAULT_FILE, validate};

/// A valid configuration.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub settings: Settings,
    /// The file that was read; `None` if there is none.
    pub file: Option<PathBuf>,
    pub(crate) merged: MergedConfig,
    pub(crate) host: Host,
    /// One message for each [`Warning`].
    pub warnings: Vec<String>,
}

/// Loads the file at `path` (without one, [`DEFAULT_FILE`] if that exists) and the environment.
///
/// # Errors
///
/// All errors in the configuration. A named `path` that does not exist is an error too.
pub fn load(path: Option<&Path>, environment: impl Iterator<Item = (OsString, OsString)>) -> Result<Loaded, Problems> {
    let environment = Environment::new(environment);
    let mut diagnostics = Diagnostics::default();
    let source = source(path).unwrap_or_else(|problem| {
        diagnostics.problems.push(problem);
        None
    });
    let source = source.as_ref().map(|(path, text)| Source { path: path.as_path().into(), text });
    let merged = merged(source.as_ref(), &environment, &mut diagnostics);
    diagnostics.warnings.extend(environment.unknown_variables());
    let file = source.map(|source| source.path.to_path_buf());
    resolve(merged, file, Host::this(), diagnostics)
}

impl Loaded {
    /// The origins of each option's value by key: several where values are merged.
    #[must_use]
    pub fn sources(&self) -> &BTreeMap<&'static str, Vec<Origin>> {
        &self.merged.origins
    }
}

fn source(path: Option<&Path>) -> Result<Option<(PathBuf, String)>, Problem> {
    let path_or_default = path.unwrap_or_else(|| Path::new(DEFAULT_FILE));
    match file::read(path_or_default) {
        Ok(text) => Ok(Some((path_or_default.to_owned(), text))),
        Err(Problem::Unreadable { error, .. }) if path.is_none() && error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(problem) => Err(problem),
    }
}

/// Merges all sources.
pub(crate) fn merged(
    source: Option<&Source<'_>>,
    environment: &Environment,
    diagnostics: &mut Diagnostics,
) -> MergedConfig {
    let Diagnostics { problems, warnings } = diagnostics;
    let mut merged = MergedConfig::defaults(problems);
    let standard = standard::variables(environment, problems, warnings);
    merged.add(&standard.strict, problems);
    merged.add_leniently(&standard.lenient, warnings);
    let file = source.map_or_else(RawConfig::new, |source| file::parse(source, problems));
    merged.add(&file, problems);
    merged.add(&environment.raw(problems), problems);
    if let Some(path) = merged.config.otlp.headers_file.clone() {
        let headers = headers_file::read(&path, &merged.origin("otlp.headers_file"), diagnostics);
        merged.add(&headers, &mut diagnostics.problems);
    }
    merged
}

/// Validates a merged configuration.
pub(crate) fn resolve(
    merged: MergedConfig,
    file: Option<PathBuf>,
    host: Host,
    mut diagnostics: Diagnostics,
) -> Result<Loaded, Problems> {
    let settings = validate::settings(&merged, &host, &mut diagnostics);
    if !diagnostics.problems.is_empty() {
        return Err(Problems::new(diagnostics.problems));
    }
    let warnings = diagnostics.warnings.iter().map(Warning::to_string).collect();
    Ok(Loaded { settings, file, merged, host, warnings })
}

impl Host {
    fn this() -> Self {
        let name = uname().map(|system| system.nodename().to_string_lossy().into_owned()).unwrap_or_default();
        Self { name, has_account: Account::exists, account_names: Account::names }
    }
}
