//! Decoding of records.

use egret_exporters::json::{self, ReadError};
use egret_model::Event;
use proptest::prelude::*;
use serde_json::{Map, Value};

use crate::{bare_event, events, line, object};

fn reread(text: &str) -> Event {
    json::read_event(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The full record with one of its values replaced.
fn with(key: &str, value: impl Into<Value>) -> Vec<u8> {
    let mut object = object(&events::full_event());
    object.insert(key.to_owned(), value.into());
    serde_json::to_vec(&object).unwrap()
}

proptest! {
    #[test]
    fn decoded_line_is_encoded_unchanged(event in events::any_event()) {
        let written = line(&event);
        prop_assert_eq!(line(&reread(&written)), written);
    }

    /// Other programs (`jq`) write the same object otherwise.
    #[test]
    fn order_and_spaces_of_keys_do_not_matter(event in events::any_event()) {
        let sorted = serde_json::to_string_pretty(&object(&event)).unwrap();
        prop_assert_eq!(line(&reread(&sorted)), line(&event));
    }

    #[test]
    fn any_bytes_are_parsed_without_panic(bytes in any::<Vec<u8>>()) {
        let _ = json::read_event(&bytes);
    }

    #[test]
    fn partial_line_is_an_error(event in events::any_event(), at in any::<prop::sample::Index>()) {
        let whole = line(&event);
        let torn = whole.as_bytes().split_at(at.index(whole.len() - 1)).0;
        prop_assert!(matches!(json::read_event(torn), Err(ReadError::Syntax(_))));
    }

    /// For any value of a key, the line is decoded or the error names the key.
    #[test]
    fn error_names_the_key(key in prop::sample::select(egret_exporters::names::ALL.to_vec()), value in any_value()) {
        if let Err(error) = json::read_event(&with(key, value)) {
            prop_assert!(error.to_string().starts_with(key), "{}", error);
        }
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        prop::collection::vec(any::<u8>(), 0..3).prop_map(Value::from),
    ]
}

#[test]
fn unknown_keys_are_skipped() {
    let read = json::read_event(&with("egret.\"future\"", Map::from_iter([("a".to_owned(), Value::Null)])));
    assert_eq!(line(&read.unwrap()), line(&events::full_event()));
}

#[test]
fn missing_required_key_is_an_error() {
    for key in ["timestamp", "event.name", "connection.id", "egret.attribution", "egret.capture"] {
        let mut object = object(&bare_event());
        object.remove(key);
        let error = json::read_event(&serde_json::to_vec(&object).unwrap()).unwrap_err();
        assert_eq!(error.to_string(), format!("{key} is missing"));
    }
}

#[test]
fn invalid_value_is_reported_with_key_and_reason() {
    for (key, value, message) in [
        ("timestamp", Value::from("yesterday"), "timestamp: not a time of RFC 3339 from 1677 to 2262: \"yesterday\""),
        ("timestamp", Value::from("2500-01-01T00:00:00Z"), "timestamp: not a time of RFC 3339"),
        ("connection.id", Value::from("2a"), "connection.id: not two hexadecimal numbers: \"2a\""),
        ("network.peer.port", Value::from(65_536), "network.peer.port: invalid value: integer `65536`, expected u16"),
        ("network.peer.address", Value::from("::g"), "network.peer.address: not an address: \"::g\""),
        ("egret.verdict", Value::from("perhaps"), "egret.verdict: unknown variant `perhaps`, expected one of `allow`"),
        (
            "egret.verdict.reason",
            Value::from("whim"),
            "egret.verdict.reason: unknown variant `whim`, expected one of `rule`",
        ),
        ("network.transport", Value::from("smoke"), "network.transport: invalid value: string \"smoke\""),
        ("container.runtime.name", Value::from("rkt"), "container.runtime.name: not a known runtime: \"rkt\""),
        ("error.type", Value::from("ENONSENSE"), "error.type: not the name of an error: \"ENONSENSE\""),
    ] {
        let error = json::read_event(&with(key, value)).unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
}
