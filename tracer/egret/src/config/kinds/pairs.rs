//! Tables of names and values: headers and resource attributes.
//!
//! In a variable they are written as OpenTelemetry has it: `name=value,name=value`, with what would be misunderstood
//! percent-encoded (<https://www.w3.org/TR/baggage/#header-content>, without properties).

use std::fmt;

use axum::http::{HeaderName, HeaderValue};

use crate::config::given::{Fault, Given, Value};
use crate::config::slot::Setting;
use crate::config::toml_text::{key, quoted};

const EXPECTED: &str = "a table of names and values";

/// Headers sent to a collector. They may be secrets, so they are never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub(in crate::config) struct Headers(pub(in crate::config) Vec<(String, String)>);

impl fmt::Debug for Headers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl Setting for Headers {
    const ADDS: bool = true;
    const SECRET: bool = true;

    fn expected() -> String {
        EXPECTED.to_owned()
    }

    fn read(given: &Given) -> Result<Self, Vec<Fault>> {
        read(given, |name, value| header(name, value).map(|(name, value)| (name, value.to_owned()))).map(Self)
    }

    fn show(&self) -> Option<String> {
        (!self.0.is_empty()).then(|| shown(&self.0))
    }

    fn take(&mut self, later: Self) {
        merge(&mut self.0, later.0);
    }
}

/// Resource attributes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::config) struct Attributes(pub(in crate::config) Vec<(String, String)>);

impl Setting for Attributes {
    const ADDS: bool = true;

    fn expected() -> String {
        EXPECTED.to_owned()
    }

    fn read(given: &Given) -> Result<Self, Vec<Fault>> {
        read(given, |name, value| match name {
            "" => Err("expected a name".to_owned()),
            "service.name" => Err("expected it in otlp.service_name".to_owned()),
            _ => Ok((name.to_owned(), value.to_owned())),
        })
        .map(Self)
    }

    fn show(&self) -> Option<String> {
        (!self.0.is_empty()).then(|| shown(&self.0))
    }

    fn take(&mut self, later: Self) {
        merge(&mut self.0, later.0);
    }
}

/// A header that HTTP can carry, its name in lower case as HTTP/2 wants it.
pub(in crate::config) fn header<'a>(name: &str, value: &'a str) -> Result<(String, &'a str), String> {
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| "expected the name of a header".to_owned())?;
    HeaderValue::from_str(value).map_err(|_| "expected a header without control characters".to_owned())?;
    Ok((name.as_str().to_owned(), value))
}

/// Adds `later`; it wins where a name is there already.
pub(in crate::config) fn merge(pairs: &mut Vec<(String, String)>, later: Vec<(String, String)>) {
    for (name, value) in later {
        match pairs.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => pairs.push((name, value)),
        }
    }
}

/// Splits `name=value,name=value`.
pub(in crate::config) fn split(text: &str) -> Result<Vec<(String, String)>, String> {
    let members = text.split(',').map(str::trim).filter(|member| !member.is_empty());
    members
        .map(|member| {
            let pair = member.split_once('=').and_then(|(name, value)| Some((decoded(name)?, decoded(value)?)));
            pair.ok_or_else(|| "expected name=value,name=value, percent-encoded".to_owned())
        })
        .collect()
}

/// Undoes percent-encoding; `None` if it is torn, or not UTF-8.
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
    given: &Given,
    pair: impl Fn(&str, &str) -> Result<(String, String), String>,
) -> Result<Vec<(String, String)>, Vec<Fault>> {
    let (mut pairs, mut faults) = (Vec::new(), Vec::new());
    for (name, value) in members(given)? {
        let text = value.text().ok_or_else(|| "expected text".to_owned());
        match text.and_then(|text| pair(&name, text)) {
            Ok(read) => merge(&mut pairs, vec![read]),
            Err(reason) => {
                let within = |fault| Fault { within: Some(name.clone()), ..fault };
                faults.extend(value.fault(reason).into_iter().map(within));
            }
        }
    }
    if faults.is_empty() { Ok(pairs) } else { Err(faults) }
}

fn members(given: &Given) -> Result<Vec<(String, Given)>, Vec<Fault>> {
    match &given.value {
        Value::Table(members) => Ok(members.clone()),
        Value::Bare(text) => {
            let pairs = split(text).map_err(|reason| given.fault(reason))?;
            let member = |(name, value): (_, String)| (name, Given::bare(value, given.origin.clone()));
            Ok(pairs.into_iter().map(member).collect())
        }
        _ => Err(given.fault(format!("expected {EXPECTED}"))),
    }
}

fn shown(pairs: &[(String, String)]) -> String {
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| format!("{} = {}", key(name), quoted(value))).collect();
    format!("{{ {} }}", pairs.join(", "))
}
