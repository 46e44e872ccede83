//! A list of attributes in the making.

use std::fmt::Display;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue};

/// A list of attributes in the making. What is not known is left out.
#[derive(Debug, Default)]
pub(in crate::otlp) struct Attributes(Vec<KeyValue>);

impl Attributes {
    pub(in crate::otlp) fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    pub(in crate::otlp) fn string(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.add(key, Value::StringValue(value.to_owned()));
        }
    }

    /// A value as it is shown.
    pub(super) fn shown(&mut self, key: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.add(key, Value::StringValue(value.to_string()));
        }
    }

    /// OpenTelemetry's integers have a sign: what is beyond the largest becomes the largest.
    pub(super) fn integer(&mut self, key: &str, value: Option<impl Into<u64>>) {
        if let Some(value) = value {
            self.add(key, Value::IntValue(i64::try_from(value.into()).unwrap_or(i64::MAX)));
        }
    }

    /// `true`, or nothing.
    pub(super) fn truth(&mut self, key: &str, value: bool) {
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
