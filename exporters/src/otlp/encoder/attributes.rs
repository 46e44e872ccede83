//! Builds lists of attributes.

use std::fmt::Display;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue};

/// A list of attributes. Unknown values are omitted.
#[derive(Debug, Default)]
pub(super) struct Attributes(Vec<KeyValue>);

impl Attributes {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    pub(super) fn string(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.add(key, Value::StringValue(value.to_owned()));
        }
    }

    /// A value in its displayed form.
    pub(super) fn display(&mut self, key: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.add(key, Value::StringValue(value.to_string()));
        }
    }

    /// OpenTelemetry's integers are signed; larger values saturate.
    pub(super) fn integer(&mut self, key: &str, value: Option<impl Into<u64>>) {
        if let Some(value) = value {
            self.add(key, Value::IntValue(i64::try_from(value.into()).unwrap_or(i64::MAX)));
        }
    }

    /// Adds `true`; omits `false`.
    pub(super) fn flag(&mut self, key: &str, value: bool) {
        if value {
            self.add(key, Value::BoolValue(true));
        }
    }

    pub(super) fn strings<'s>(&mut self, key: &str, values: impl Iterator<Item = &'s str>) {
        let string = |value: &str| AnyValue { value: Some(Value::StringValue(value.to_owned())) };
        let values: Vec<_> = values.map(string).collect();
        if !values.is_empty() {
            self.add(key, Value::ArrayValue(ArrayValue { values }));
        }
    }

    fn add(&mut self, key: &str, value: Value) {
        self.0.push(KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), key_strindex: 0 });
    }
}

impl From<Attributes> for Vec<KeyValue> {
    fn from(attributes: Attributes) -> Self {
        attributes.0
    }
}
