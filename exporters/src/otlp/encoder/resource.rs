//! The resource and the instrumentation scope of spans.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans};
use prost::Message;

use super::Attributes;
use crate::otlp::{Error, Settings};

/// The scope of spans of connections; egret's spans about its own work have another.
const SCOPE: &str = "egret.connections";
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The version of the semantic conventions that define the attribute names.
pub(crate) const SCHEMA: &str = "https://opentelemetry.io/schemas/1.42.0";

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
const MACHINE_ID: &str = "/etc/machine-id";
const HOST_NAME: &str = "/proc/sys/kernel/hostname";

/// The fields of `ResourceSpans` other than spans, encoded.
pub(crate) fn encode_resource(settings: &Settings) -> Vec<u8> {
    let mut list = Attributes::default();
    attributes(settings).iter().for_each(|(key, value)| list.string(key, Some(value)));
    let resource = Resource { attributes: list.into(), ..Resource::default() };
    ResourceSpans { resource: Some(resource), schema_url: SCHEMA.into(), ..ResourceSpans::default() }.encode_to_vec()
}

/// The fields of `ScopeSpans` other than spans, encoded.
pub(crate) fn encode_scope() -> Vec<u8> {
    let scope = InstrumentationScope { name: SCOPE.into(), version: VERSION.into(), ..InstrumentationScope::default() };
    ScopeSpans { scope: Some(scope), schema_url: SCHEMA.into(), ..ScopeSpans::default() }.encode_to_vec()
}

/// The attributes of the resource. Configured ones override detected ones, since the specification requires unique keys.
pub(crate) fn attributes(settings: &Settings) -> BTreeMap<String, String> {
    let detected = [
        ("service.name", Some(settings.service_name.clone())),
        ("service.version", Some(VERSION.to_owned())),
        ("host.name", line(HOST_NAME)),
        // machine-id(5), which OpenTelemetry specifies for `host.id` on Linux.
        ("host.id", line(MACHINE_ID)),
        ("os.type", Some("linux".to_owned())),
        ("telemetry.sdk.name", Some("egret".to_owned())),
        ("telemetry.sdk.language", Some("rust".to_owned())),
        ("telemetry.sdk.version", Some(VERSION.to_owned())),
    ];
    let detected = detected.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    detected.chain(settings.resource.iter().cloned()).collect()
}

/// The random id of this boot.
pub(crate) fn boot_id() -> Result<String, Error> {
    let path = Path::new(BOOT_ID);
    fs::read_to_string(path).map_err(|source| Error::File { path: path.to_owned(), source })
}

/// The content of a file of one line; `None` if it is missing or empty.
fn line(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.trim();
    (!line.is_empty()).then(|| line.to_owned())
}
