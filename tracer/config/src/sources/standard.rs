//! Variables that OpenTelemetry gives to every program:
//! <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/> and
//! <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>.
//!
//! A number, word or list that cannot be understood is left out with a warning, as the first of them demands. What
//! would send spans elsewhere, or without what they need to be let in, is an error.

use crate::diagnostics::{Problem, Warning};
use crate::kind;
use crate::raw::{Origin, RawConfig, RawValue, Value};
use crate::sources::environment::Environment;

/// Variables, each followed by the option that it sets; of several for one option the last that is set counts.
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

/// The same for those that are left out if they are wrong, with what makes an option's value of theirs.
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

/// Attributes of the resource, `service.name` among them.
pub(crate) const RESOURCE: &str = "OTEL_RESOURCE_ATTRIBUTES";

type Translate = fn(&str) -> String;

/// The variables' values, by how wrong ones are treated.
#[derive(Debug, Default)]
pub(crate) struct Variables {
    pub(crate) strict: RawConfig,
    pub(crate) lenient: RawConfig,
}

/// What OpenTelemetry's variables say.
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
            problems.push(unspoken(origin, text));
        } else {
            variables.lenient.insert(key, RawValue::bare(translate(text), origin));
        }
    }
    variables
}

/// A right value that egret cannot serve must not become another transport in silence.
fn unspoken(origin: Origin, protocol: &str) -> Problem {
    let reason = "egret does not speak JSON over HTTP, only http/protobuf and grpc".to_owned();
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

/// Words are those of any case.
fn word(text: &str) -> String {
    text.to_ascii_lowercase()
}

/// A number of milliseconds; zero is no bound, for which a day will do.
fn milliseconds(text: &str) -> String {
    match text.parse::<u64>() {
        Ok(0) => "1d".to_owned(),
        Ok(milliseconds) => format!("{milliseconds}ms"),
        Err(_) => text.to_owned(),
    }
}

/// What disables is the opposite of what enables; anything but `true` does not disable.
fn opposite(text: &str) -> String {
    match word(text).as_str() {
        "true" => "false".to_owned(),
        "false" => "true".to_owned(),
        _ => text.to_owned(),
    }
}
