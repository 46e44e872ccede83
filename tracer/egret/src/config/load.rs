//! Puts the configuration together.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use nix::sys::utsname::uname;
use nix::unistd::Group;

use super::environment::Environment;
use super::file::Source;
use super::given::Origin;
use super::layer::{self, Layer, Layered};
use super::problem::{Problem, Problems, Warning};
use super::settings::Settings;
use super::validate::{Findings, Host};
use super::{DEFAULT_FILE, file, secrets, standard, validate};

/// A configuration that is right.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What it means.
    pub settings: Settings,
    /// The file that was read; `None` if there is none.
    pub file: Option<PathBuf>,
    pub(super) layered: Layered,
    pub(super) host: Host,
    /// What to know about it; one for each [`Warning`].
    pub warnings: Vec<String>,
}

/// Reads the configuration: the file at `path` (without one, [`DEFAULT_FILE`] if that exists) and the environment.
///
/// # Errors
///
/// Everything that is wrong with it. That a `path` which was given does not exist is wrong too.
pub fn load(path: Option<&Path>, environment: impl Iterator<Item = (OsString, OsString)>) -> Result<Loaded, Problems> {
    let environment = Environment::new(environment);
    let mut findings = Findings::default();
    let source = source(path).unwrap_or_else(|problem| {
        findings.problems.push(problem);
        None
    });
    let source = source.as_ref().map(|(path, text)| Source { path: path.as_path().into(), text });
    let layered = layered(source.as_ref(), &environment, &mut findings);
    findings.warnings.extend(environment.strangers());
    let file = source.map(|source| source.path.to_path_buf());
    settled(layered, file, Host::this(), findings)
}

impl Loaded {
    /// Where each option's value came from, by key; several where values add up.
    #[must_use]
    pub fn sources(&self) -> &BTreeMap<&'static str, Vec<Origin>> {
        &self.layered.origins
    }
}

/// The file's path and text.
fn source(path: Option<&Path>) -> Result<Option<(PathBuf, String)>, Problem> {
    let given = path.unwrap_or_else(|| Path::new(DEFAULT_FILE));
    match file::read(given) {
        Ok(text) => Ok(Some((given.to_owned(), text))),
        Err(Problem::Unreadable { error, .. }) if path.is_none() && error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(problem) => Err(problem),
    }
}

/// All places, one on top of the other.
pub(super) fn layered(source: Option<&Source<'_>>, environment: &Environment, findings: &mut Findings) -> Layered {
    let Findings { problems, warnings } = findings;
    let mut layered = Layered::default();
    layered.add(&layer::defaults(), problems);
    let standard = standard::layers(environment, problems, warnings);
    layered.add(&standard.strict, problems);
    layered.add_leniently(&standard.lenient, warnings);
    let file = source.map_or_else(Layer::new, |source| file::parse(source, problems));
    layered.add(&file, problems);
    layered.add(&environment.layer(problems), problems);
    if let Some(path) = layered.draft.otlp.headers_file.clone() {
        let headers = secrets::read(&path.0, &layered.origin("otlp.headers_file"), findings);
        layered.add(&headers, &mut findings.problems);
    }
    layered
}

/// What it all means, if nothing is wrong.
pub(super) fn settled(
    layered: Layered,
    file: Option<PathBuf>,
    host: Host,
    mut findings: Findings,
) -> Result<Loaded, Problems> {
    let settings = validate::settings(&layered, &host, &mut findings);
    if !findings.problems.is_empty() {
        return Err(Problems::new(findings.problems));
    }
    let warnings = findings.warnings.iter().map(Warning::to_string).collect();
    Ok(Loaded { settings, file, layered, host, warnings })
}

impl Host {
    /// The one that egret runs on.
    fn this() -> Self {
        let name = uname().map(|system| system.nodename().to_string_lossy().into_owned()).unwrap_or_default();
        Self { name, has_group: |group| Group::from_name(group).is_ok_and(|found| found.is_some()) }
    }
}
