//! Headers from a file of their own, so that the configuration can be read by others.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::file::{self, Source};
use super::given::{Given, Origin, Value};
use super::kinds;
use super::layer::Layer;
use super::problem::Problem;
use super::validate::Findings;

/// Read permission for those who neither own a file nor are of its group.
const OTHERS_READ: u32 = 0o004;

/// The headers in the file at `path`, as values of `otlp.headers`.
pub(super) fn read(path: &Path, origin: &Origin, findings: &mut Findings) -> Layer {
    match file::read(path) {
        Ok(text) => {
            warn_if_open(path, origin, findings);
            parse(&Source { path: path.into(), text: &text }, &mut findings.problems)
        }
        Err(problem) => {
            findings.problems.push(problem);
            Layer::new()
        }
    }
}

fn warn_if_open(path: &Path, origin: &Origin, findings: &mut Findings) {
    let open = path.metadata().is_ok_and(|metadata| metadata.permissions().mode() & OTHERS_READ != 0);
    if open {
        findings.doubtful_at(origin.clone(), "otlp.headers_file", "every user of this host can read that file");
    }
}

/// Understands `name: value` lines. Values are told to nobody, not even when they are wrong.
pub(super) fn parse(source: &Source<'_>, problems: &mut Vec<Problem>) -> Layer {
    let mut headers = Vec::new();
    let mut offset = 0;
    for line in source.text.split_inclusive('\n') {
        let place = source.place(offset);
        offset += line.len();
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        match header(line) {
            Ok((name, value)) => headers.push((name, Given::bare(value, Origin::File(place)))),
            Err(reason) => problems.push(Problem::Syntax { place, reason }),
        }
    }
    let origin = Origin::File(source.place(0));
    let given = Given { value: Value::Table(headers), origin };
    Layer::from([("otlp.headers", given)])
}

fn header(line: &str) -> Result<(String, &str), String> {
    let (name, value) = line.split_once(':').ok_or_else(|| "expected `name: value`".to_owned())?;
    kinds::header(name.trim(), value.trim())
}
