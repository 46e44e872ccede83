//! Tables of names and values: headers and resource attributes.
//!
//! The syntax in a variable is that of OpenTelemetry: `name=value,name=value`, percent-encoded where necessary (<https://www.w3.org/TR/baggage/#header-content>, without properties).

use std::fmt;

use http::{HeaderName, HeaderValue};

use super::Kind;
use crate::raw::{Invalid, RawValue, Value};
use crate::toml_text::{key, quoted};

const EXPECTED: &str = "a table of names and values";

/// Headers for a collector. They may be secrets and are never shown.
pub struct Headers;

/// Names and values of headers.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets(pub Vec<(String, String)>);

impl fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl Kind for Headers {
    type Value = Secrets;

    const ADDS: bool = true;
    const SECRET: bool = true;

    fn expected() -> String {
        EXPECTED.to_owned()
    }

    fn read(raw: &RawValue) -> Result<Secrets, Vec<Invalid>> {
        read(raw, |name, value| header(name, value).map(|(name, value)| (name, value.to_owned()))).map(Secrets)
    }

    fn show(value: &Secrets) -> Option<String> {
        show(&value.0)
    }

    fn merge(value: &mut Secrets, later: Secrets) {
        merge(&mut value.0, later.0);
    }
}

pub struct Attributes;

impl Kind for Attributes {
    type Value = Vec<(String, String)>;

    const ADDS: bool = true;

    fn expected() -> String {
        EXPECTED.to_owned()
    }

    fn read(raw: &RawValue) -> Result<Self::Value, Vec<Invalid>> {
        read(raw, |name, value| match name {
            "" => Err("expected a name".to_owned()),
            "service.name" => Err("expected it in otlp.service_name".to_owned()),
            _ => Ok((name.to_owned(), value.to_owned())),
        })
    }

    fn show(value: &Self::Value) -> Option<String> {
        show(value)
    }

    fn merge(value: &mut Self::Value, later: Self::Value) {
        merge(value, later);
    }
}

/// A valid HTTP header. The name is converted to lower case, which HTTP/2 requires.
pub(crate) fn header<'a>(name: &str, value: &'a str) -> Result<(String, &'a str), String> {
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| "expected the name of a header".to_owned())?;
    HeaderValue::from_str(value).map_err(|_| "expected a header without control characters".to_owned())?;
    Ok((name.as_str().to_owned(), value))
}

/// Adds `later`, whose values replace those of the same name.
fn merge(pairs: &mut Vec<(String, String)>, later: Vec<(String, String)>) {
    for (name, value) in later {
        match pairs.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => pairs.push((name, value)),
        }
    }
}

/// Splits `name=value,name=value`.
pub(crate) fn split(text: &str) -> Result<Vec<(String, String)>, String> {
    let members = text.split(',').map(str::trim).filter(|member| !member.is_empty());
    members
        .map(|member| {
            let pair = member.split_once('=').and_then(|(name, value)| Some((decoded(name)?, decoded(value)?)));
            pair.ok_or_else(|| "expected name=value,name=value, percent-encoded".to_owned())
        })
        .collect()
}

/// Decodes percent-encoding; `None` if it is truncated or not UTF-8.
fn decoded(text: &str) -> Option<String> {
    let mut parts = text.trim().split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        let all_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        bytes.push(u8::from_str_radix(digits, 16).ok().filter(|_| all_hex)?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

fn read(
    raw: &RawValue,
    pair: impl Fn(&str, &str) -> Result<(String, String), String>,
) -> Result<Vec<(String, String)>, Vec<Invalid>> {
    let (mut pairs, mut invalid) = (Vec::new(), Vec::new());
    for (name, value) in members(raw)? {
        let text = value.text().ok_or_else(|| "expected text".to_owned());
        match text.and_then(|text| pair(&name, text)) {
            Ok(read) => merge(&mut pairs, vec![read]),
            Err(reason) => {
                let within = |error| Invalid { within: Some(name.clone()), ..error };
                invalid.extend(value.invalid(reason).into_iter().map(within));
            }
        }
    }
    if invalid.is_empty() { Ok(pairs) } else { Err(invalid) }
}

fn members(raw: &RawValue) -> Result<Vec<(String, RawValue)>, Vec<Invalid>> {
    match &raw.value {
        Value::Table(members) => Ok(members.clone()),
        Value::Bare(text) => {
            let pairs = split(text).map_err(|reason| raw.invalid(reason))?;
            let member = |(name, value): (_, String)| (name, RawValue::bare(value, raw.origin.clone()));
            Ok(pairs.into_iter().map(member).collect())
        }
        _ => Err(raw.invalid(format!("expected {EXPECTED}"))),
    }
}

fn show(pairs: &[(String, String)]) -> Option<String> {
    let shown: Vec<_> = pairs.iter().map(|(name, value)| format!("{} = {}", key(name), quoted(value))).collect();
    (!shown.is_empty()).then(|| format!("{{ {} }}", shown.join(", ")))
}
