//! Events as comma-separated values (RFC 4180), with the columns of the Parquet files.
//!
//! Values are those of the JSON form: a string is written as it is, a list as JSON, a missing value as an empty field.

use std::borrow::Cow;

use anyhow::Result;
use csv::{Terminator, WriterBuilder};
use egret_exporters::parquet::schema::column_name;
use egret_exporters::{json, names};
use egret_model::{Arguments, Event};
use serde_json::{Map, Value};

/// Appends the header.
pub(super) fn header(text: &mut Vec<u8>) -> Result<()> {
    record(text, names::ALL.map(column_name).iter().map(|name| Cow::Borrowed(&**name)))
}

pub(super) fn row(text: &mut Vec<u8>, event: &Event, arguments: &Arguments) -> Result<()> {
    let mut line = Vec::new();
    json::write_event(&mut line, event, arguments);
    let values: Map<String, Value> = serde_json::from_slice(&line)?;
    record(text, names::ALL.into_iter().map(|name| field(values.get(name))))
}

fn field(value: Option<&Value>) -> Cow<'_, str> {
    match value {
        None => Cow::Borrowed(""),
        Some(Value::String(text)) => Cow::Borrowed(text),
        Some(other) => other.to_string().into(),
    }
}

fn record<'a>(text: &mut Vec<u8>, mut fields: impl Iterator<Item = Cow<'a, str>>) -> Result<()> {
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(text);
    fields.try_for_each(|field| writer.write_field(&*field))?;
    writer.write_record(None::<&[u8]>)?;
    Ok(writer.flush()?)
}
