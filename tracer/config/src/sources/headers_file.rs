//! Headers from a separate file, so that the configuration file need not be secret.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::diagnostics::{Diagnostics, Problem};
use crate::kind;
use crate::raw::{Origin, RawConfig, RawValue, Value};
use crate::sources::file::{self, Source};

/// Read permission for users who are neither the owner nor in the group.
const OTHERS_READ: u32 = 0o004;

/// The headers in the file at `path`, as values of `otlp.headers`.
pub(crate) fn read(path: &Path, origin: &Origin, diagnostics: &mut Diagnostics) -> RawConfig {
    match file::read(path) {
        Ok(text) => {
            warn_if_open(path, origin, diagnostics);
            parse(&Source { path: path.into(), text: &text }, &mut diagnostics.problems)
        }
        Err(problem) => {
            diagnostics.problems.push(problem);
            RawConfig::new()
        }
    }
}

fn warn_if_open(path: &Path, origin: &Origin, diagnostics: &mut Diagnostics) {
    let open = path.metadata().is_ok_and(|metadata| metadata.permissions().mode() & OTHERS_READ != 0);
    if open {
        diagnostics.warn_at(origin.clone(), "otlp.headers_file", "every user of this host can read the file");
    }
}

/// Parses `name: value` lines. Error messages never contain a value.
pub(crate) fn parse(source: &Source<'_>, problems: &mut Vec<Problem>) -> RawConfig {
    let mut headers = Vec::new();
    let mut offset = 0;
    for line in source.text.split_inclusive('\n') {
        let location = source.location(offset);
        offset += line.len();
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        match header(line) {
            Ok((name, value)) => headers.push((name, RawValue::bare(value, Origin::File(location)))),
            Err(reason) => problems.push(Problem::Syntax { location, reason }),
        }
    }
    let origin = Origin::File(source.location(0));
    let value = RawValue { value: Value::Table(headers), origin };
    RawConfig::from([("otlp.headers", value)])
}

fn header(line: &str) -> Result<(String, &str), String> {
    let (name, value) = line.split_once(':').ok_or_else(|| "expected `name: value`".to_owned())?;
    kind::header(name.trim(), value.trim())
}
