//! The list of options, the generated pages and the settings are consistent.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use std::{env, fs};

use egret_exporters::parquet;
use proptest::prelude::*;

use super::{loaded, right};
use crate::options::{self, DefaultValue, Entry};
use crate::{DEFAULT_LOG_DIRECTORY, DEFAULT_SOCKET, Names, Origin, example, load, reference, show};

/// Compares a page with the generated text, or with `EGRET_BLESS=1` writes it.
fn is_current(page: &str, generated: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(page);
    if env::var_os("EGRET_BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, generated).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == generated, "{page} is out of date: run this test with EGRET_BLESS=1");
}

#[test]
fn the_reference_is_current() {
    is_current("docs/configuration.md", &reference());
}

#[test]
fn the_example_is_current() {
    is_current("examples/egret.toml", &example());
}

#[test]
fn defaults_observe_and_write_a_log() {
    let settings = right("", &[]).settings;
    let log = settings.parquet.unwrap();
    assert_eq!(log.destination, parquet::Destination::Directory(PathBuf::from(DEFAULT_LOG_DIRECTORY)));
    assert_eq!((log.host.as_str(), log.rotate_after), ("web-1", Duration::from_secs(60)));
    assert_eq!((log.keep_for, log.keep_bytes), (Some(Duration::from_secs(30 * 86_400)), Some(10 << 30)));
    assert_eq!((settings.capture.layer, settings.capture.ring_size, settings.capture.hash), (None, 4 << 20, true));
    assert!(matches!(settings.names, Some(Names { dns: true, sni: true, hosts: true, .. })));
    assert_eq!(settings.metrics.unwrap().listen, SocketAddr::from(([127, 0, 0, 1], 9464)));
    assert!(settings.otlp.is_none() && settings.json.is_none() && !settings.own_spans);
    assert_eq!(settings.control.socket, PathBuf::from(DEFAULT_SOCKET));
    assert_eq!((settings.control.group, settings.drain_for), (None, Duration::from_secs(10)));
}

#[test]
fn the_example_changes_nothing() {
    assert_eq!(right(&example(), &[]).settings, right("", &[]).settings);
}

/// The example with its options uncommented.
fn uncommented() -> String {
    fn option(line: &str) -> Option<&str> {
        line.strip_prefix('#').filter(|rest| rest.starts_with(char::is_alphabetic))
    }
    example().lines().flat_map(|line| [option(line).unwrap_or(line), "\n"]).collect()
}

/// Uncommented, the example changes only the origins.
#[test]
fn the_uncommented_example_has_the_defaults() {
    let (set, defaults) = (right(&uncommented(), &[]), right("", &[]));
    assert_eq!(set.settings, defaults.settings);
    let with_default = options::all().filter(|entry| matches!(entry.default, DefaultValue::Text(_)));
    for entry in with_default {
        assert!(matches!(set.sources()[entry.key][..], [Origin::File(_)]), "{}", entry.key);
    }
}

/// A value of an option as TOML: the default, or the example if there is no default.
fn possible(entry: &Entry) -> String {
    match entry.default {
        DefaultValue::Text(_) => entry.access.show(&right("", &[]).merged.config).unwrap(),
        DefaultValue::Unset { example, .. } => example.to_owned(),
    }
}

/// The same value in the syntax of a variable.
fn in_a_variable(entry: &Entry) -> String {
    match entry.default {
        DefaultValue::Text(text) => text.to_owned(),
        DefaultValue::Unset { example, .. } => example
            .replace(" = ", "=")
            .chars()
            .filter(|letter| !matches!(letter, '"' | '{' | '}' | '[' | ']' | ' '))
            .collect(),
    }
}

#[test]
fn file_and_variable_give_the_same_value() {
    // This file would have to exist.
    let checked = options::all().filter(|entry| entry.key != "otlp.headers_file");
    for entry in checked {
        // Options that need each other are set together.
        let (section, name) = entry.key.split_once('.').unwrap();
        let others = match name {
            "client_key" => "client_certificate = \"/etc/egret/client.pem\"",
            "client_certificate" => "client_key = \"/etc/egret/client.key\"",
            _ => "",
        };
        let by_file = right(&format!("[{section}]\n{others}\n{name} = {}", possible(entry)), &[]);
        let variable = (entry.variable(), in_a_variable(entry));
        let by_variable = right(&format!("[{section}]\n{others}"), &[(&variable.0, &variable.1)]);
        assert_eq!(by_file.merged.config, by_variable.merged.config, "{}", entry.key);
        assert_eq!(by_variable.sources()[entry.key], [Origin::Variable(variable.0)]);
    }
}

#[test]
fn keys_and_variables_are_unique() {
    let keys: BTreeSet<_> = options::all().map(|entry| entry.key).collect();
    let variables: BTreeSet<_> = options::all().map(Entry::variable).collect();
    assert_eq!((keys.len(), variables.len()), (options::all().count(), options::all().count()));
    for section in options::SECTIONS {
        assert!(section.options.iter().all(|entry| entry.key.starts_with(&format!("{}.", section.name))));
    }
}

#[test]
fn shown_configuration_loads_to_the_same_settings() {
    let text = "[parquet]\nkeep_for = \"unlimited\"\nhost = \"a\"\n[otlp]\nendpoint = \"https://h\"\n\
                [otlp.resource]\n\"a \\\"b\" = \"c\\\\\"\n[json]\nenabled = true\ndestination = \"/var/log/e.json\"";
    let loaded = right(text, &[("EGRET_CAPTURE_LAYER", "syscalls"), ("OTEL_SERVICE_NAME", "edge")]);
    assert_eq!(right(&show(&loaded), &[]).settings, loaded.settings);
    for part in ["egret.toml:2:12", "EGRET_CAPTURE_LAYER", "OTEL_SERVICE_NAME", "# default"] {
        assert!(show(&loaded).contains(part), "{part} in {}", show(&loaded));
    }
}

proptest! {
    // Each case loads a whole configuration.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn arbitrary_files_do_not_panic(bytes in any::<Vec<u8>>()) {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), bytes).unwrap();
        let _ = load(Some(file.path()), std::iter::empty());
    }

    #[test]
    fn arbitrary_text_does_not_panic(text in any::<String>()) {
        let _ = loaded(&text, &[]);
    }

    #[test]
    fn damaged_configurations_do_not_panic(
        start in 0..9000_usize, length in 0..200_usize, garbage in "[\\[\\]{}\"'=.,#\n a-z0-9\\\\\u{e9}]{0,6}",
    ) {
        let mut letters: Vec<_> = uncommented().chars().collect();
        let end = (start + length).min(letters.len());
        letters.splice(start.min(end)..end, garbage.chars());
        let _ = loaded(&letters.into_iter().collect::<String>(), &[]);
    }

    #[test]
    fn arbitrary_variables_do_not_panic(value in any::<String>(), which in any::<prop::sample::Index>()) {
        let variables: Vec<_> = options::all().map(Entry::variable).collect();
        let variable: &String = which.get(&variables);
        let _ = loaded("", &[(variable, &value), ("OTEL_RESOURCE_ATTRIBUTES", &value)]);
    }
}
