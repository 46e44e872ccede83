//! Environment variables of the OpenTelemetry specification:
//! <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/> and
//! <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>.
//!
//! An invalid number, word or list is ignored with a warning, as the first of them demands. A value that would send spans
//! elsewhere, or without credentials, is an error.

use crate::diagnostics::{Problem, Warning};
use crate::kind;
use crate::raw::{Origin, RawConfig, RawValue, Value};
use crate::sources::environment::Environment;

/// Variables whose invalid values are errors, with the option that each sets. Of several for one option the last has
/// precedence.
pub(crate) const STRICT: [(&str, &str); 11] = [
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "otlp.endpoint"),
    ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "otlp.traces_endpoint"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "otlp.headers"),
    ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "otlp.headers"),
    ("OTEL_EXPORTER_OTLP_CERTIFICATE", "otlp.certificate"),
    ("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "otlp.certificate"),
    ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "otlp.client_certificate"),
    ("OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", "otlp.client_certificate"),
    ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "otlp.client_key"),
    ("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "otlp.client_key"),
    ("OTEL_SERVICE_NAME", "otlp.service_name"),
];

/// Variables whose invalid values are ignored, with the option that each sets and the translation of the value.
pub(crate) const LENIENT: [(&str, &str, Translate); 9] = [
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "otlp.protocol", word),
    ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "otlp.protocol", word),
    ("OTEL_EXPORTER_OTLP_COMPRESSION", "otlp.compression", word),
    ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "otlp.compression", word),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "otlp.timeout", milliseconds),
    ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "otlp.timeout", milliseconds),
    ("OTEL_EXPORTER_OTLP_INSECURE", "otlp.insecure", word),
    ("OTEL_EXPORTER_OTLP_TRACES_INSECURE", "otlp.insecure", word),
    ("OTEL_SDK_DISABLED", "otlp.enabled", opposite),
];

/// Resource attributes, including `service.name`.
pub(crate) const RESOURCE: &str = "OTEL_RESOURCE_ATTRIBUTES";

type Translate = fn(&str) -> String;

/// The values by the treatment of invalid ones.
#[derive(Debug, Default)]
pub(crate) struct Variables {
    pub(crate) strict: RawConfig,
    pub(crate) lenient: RawConfig,
}

/// Reads the variables.
pub(crate) fn variables(
    environment: &Environment,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Warning>,
) -> Variables {
    let mut variables = Variables::default();
    resource(environment, &mut variables.strict, problems, warnings);
    for (name, key) in STRICT {
        if let Some(text) = environment.get(name, problems) {
            variables.strict.insert(key, RawValue::bare(text, Origin::Variable(name.to_owned())));
        }
    }
    for (name, key, translate) in LENIENT {
        let Some(text) = environment.get(name, problems) else { continue };
        let origin = Origin::Variable(name.to_owned());
        if key == "otlp.protocol" && word(text) == "http/json" {
            problems.push(unsupported_protocol(origin, text));
        } else {
            variables.lenient.insert(key, RawValue::bare(translate(text), origin));
        }
    }
    variables
}

/// `http/json` is valid but not supported: an error, so that spans do not silently use another transport.
fn unsupported_protocol(origin: Origin, protocol: &str) -> Problem {
    let reason = "egret does not support JSON over HTTP, only http/protobuf and grpc".to_owned();
    Problem::Value { origin, key: "otlp.protocol".to_owned(), value: Some(format!("{protocol:?}")), reason }
}

fn resource(environment: &Environment, raw: &mut RawConfig, problems: &mut Vec<Problem>, warnings: &mut Vec<Warning>) {
    let Some(text) = environment.get(RESOURCE, problems) else { return };
    let origin = Origin::Variable(RESOURCE.to_owned());
    let pairs = match kind::split(text) {
        Ok(pairs) => pairs,
        Err(reason) => {
            let (key, value) = ("otlp.resource".to_owned(), Some(text.to_owned()));
            return warnings.push(Warning::Ignored(Problem::Value { origin, key, value, reason }));
        }
    };
    let value = |text: String| RawValue::bare(text, origin.clone());
    let (service, others): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(name, _)| name == "service.name");
    raw.extend(service.into_iter().map(|(_, text)| ("otlp.service_name", value(text))));
    let others: Vec<_> = others.into_iter().map(|(name, text)| (name, value(text))).collect();
    if !others.is_empty() {
        raw.insert("otlp.resource", RawValue { value: Value::Table(others), origin });
    }
}

/// Words are not case-sensitive.
fn word(text: &str) -> String {
    text.to_ascii_lowercase()
}

/// A number of milliseconds. Zero means no limit and is translated to a day.
fn milliseconds(text: &str) -> String {
    match text.parse::<u64>() {
        Ok(0) => "1d".to_owned(),
        Ok(milliseconds) => format!("{milliseconds}ms"),
        Err(_) => text.to_owned(),
    }
}

/// The opposite of a boolean. An invalid value stays invalid.
fn opposite(text: &str) -> String {
    match word(text).as_str() {
        "true" => "false".to_owned(),
        "false" => "true".to_owned(),
        _ => text.to_owned(),
    }
}
