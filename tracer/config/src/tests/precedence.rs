//! Precedence of sources.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;

use super::{right, wrong};
use crate::{Loaded, load, show};

#[test]
fn precedence_is_standard_variables_then_file_then_own_variables() {
    let name = |text: &str, variables: &[(&str, &str)]| right(text, variables).merged.config.otlp.service_name;
    let (standard, own) = (("OTEL_SERVICE_NAME", "standard"), ("EGRET_OTLP_SERVICE_NAME", "own"));
    let file = "[otlp]\nservice_name = \"file\"";
    assert_eq!(name("", &[]), "egret");
    assert_eq!(name("", &[standard]), "standard");
    assert_eq!(name(file, &[standard]), "file");
    assert_eq!(name(file, &[standard, own]), "own");
}

#[test]
fn tables_are_merged() {
    let file = "[otlp]\nendpoint = \"http://h\"\nresource = { a = \"file\", b = \"file\" }";
    let loaded = right(file, &[("OTEL_RESOURCE_ATTRIBUTES", "a=env,c=env"), ("EGRET_OTLP_RESOURCE", "b=own")]);
    let mut resource = loaded.settings.otlp.as_ref().unwrap().resource.clone();
    resource.sort();
    let expected = [("a", "file"), ("b", "own"), ("c", "env")];
    assert_eq!(resource, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert!(show(&loaded).contains("OTEL_RESOURCE_ATTRIBUTES and egret.toml:3:12 and EGRET_OTLP_RESOURCE"));
}

#[test]
fn empty_variables_are_not_set() {
    assert_eq!(
        right("", &[("EGRET_LOG_FILTER", ""), ("OTEL_EXPORTER_OTLP_ENDPOINT", "")]).settings,
        right("", &[]).settings
    );
}

#[test]
fn egret_log_is_used_unless_the_daemons_filter_is_set() {
    let file = "[log]\nfilter = \"warn\"";
    assert_eq!(right(file, &[("EGRET_LOG", "debug")]).settings.log, "debug");
    assert_eq!(right(file, &[("EGRET_LOG", "debug"), ("EGRET_LOG_FILTER", "trace")]).settings.log, "trace");
}

#[test]
fn unknown_variables_are_warned_about() {
    let warnings = |name| right("", &[(name, "1")]).warnings;
    assert_eq!(
        warnings("EGRET_PARQUET_KEEP_FORE"),
        [r#"unknown variable EGRET_PARQUET_KEEP_FORE; did you mean "EGRET_PARQUET_KEEP_FOR"?"#]
    );
    assert_eq!(warnings("EGRET_OTLP_X"), ["unknown variable EGRET_OTLP_X"]);
    assert_eq!(warnings("EGRET_PARQET_ENABLED").len(), 1);
    for other in ["EGRET_BPF_OBJECT", "EGRET_TEST_FULL", "EGRET_HOME", "PARQUET_ENABLED"] {
        assert!(warnings(other).is_empty(), "{other}");
    }
}

#[test]
fn variables_that_are_not_text_are_refused() {
    let value = OsString::from_vec(vec![0xff]);
    let variables = [("EGRET_LOG_FILTER", &value), ("EGRET_OTHER", &value), ("OTHER", &value)];
    let variables = variables.map(|(name, value)| (OsString::from(name), value.clone()));
    let scratch = tempfile::NamedTempFile::new().unwrap();
    let problems = load(Some(scratch.path()), variables.into_iter()).expect_err("must be refused");
    assert_eq!(problems.iter().map(ToString::to_string).collect::<Vec<_>>(), ["EGRET_LOG_FILTER: expected UTF-8"]);
}

/// A configuration with this file of headers, loaded; and the file's path.
fn with_headers(headers: &str, mode: u32) -> (Result<Loaded, String>, String) {
    let scratch = tempfile::tempdir().unwrap();
    let (config, secrets) = (scratch.path().join("egret.toml"), scratch.path().join("headers"));
    fs::write(&secrets, headers).unwrap();
    fs::set_permissions(&secrets, fs::Permissions::from_mode(mode)).unwrap();
    let text =
        format!("[otlp]\nendpoint = \"http://h\"\nheaders = {{ a = \"1\", b = \"2\" }}\nheaders_file = {secrets:?}");
    fs::write(&config, text).unwrap();
    let loaded = load(Some(&config), std::iter::empty()).map_err(|problems| problems.to_string());
    (loaded, secrets.to_string_lossy().into_owned())
}

#[test]
fn headers_can_stand_in_a_file_of_their_own() {
    let (loaded, _) = with_headers("# comment\n\nAuthorization: Bearer x:y\nb: 3\n", 0o600);
    let loaded = loaded.unwrap();
    let expected = [("a", "1"), ("b", "3"), ("authorization", "Bearer x:y")];
    assert_eq!(
        loaded.settings.otlp.as_ref().unwrap().headers,
        expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    let shown = show(&loaded);
    assert!(!shown.contains("Bearer") && shown.contains("headers are set"), "{shown}");
}

#[test]
fn wrong_headers_are_reported_without_their_value() {
    let (loaded, path) = with_headers("a: 1\nBearer hunter2\nbad name: hunter2\n", 0o600);
    let problems = loaded.unwrap_err();
    assert!(problems.contains(&format!("{path}:2:1: ")) && problems.contains(&format!("{path}:3:1: ")), "{problems}");
    assert!(!problems.contains("hunter2"), "{problems}");
}

#[test]
fn headers_that_everybody_can_read_are_warned_about() {
    let (loaded, _) = with_headers("a: 1", 0o644);
    assert!(loaded.unwrap().warnings[0].contains("every user"));
}

#[test]
fn secrets_are_in_no_error() {
    let variables = [
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=hunter2%"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://me:hunter2@host"),
        ("EGRET_OTLP_ENDPOINT", "http://me:hunter2@host"),
    ];
    let problems = wrong("[otlp]\nheaders = \"hunter2\"", &variables).join("\n");
    assert_eq!(problems.lines().count(), 4, "{problems}");
    assert!(!problems.contains("hunter2"), "{problems}");
}
