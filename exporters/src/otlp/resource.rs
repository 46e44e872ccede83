//! Who the spans are from.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans};
use prost::Message;

use super::span::Attributes;
use super::{Settings, host};

/// The scope of spans about connections; egret's spans about its own work have another.
const SCOPE: &str = "egret.connections";
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The version of the semantic conventions that attributes are named by.
pub(super) const SCHEMA: &str = "https://opentelemetry.io/schemas/1.42.0";

/// The fields of `ResourceSpans` other than spans, encoded.
pub(super) fn resource(settings: &Settings) -> Vec<u8> {
    let mut attributes = Attributes::default();
    described(settings).iter().for_each(|(key, value)| attributes.string(key, Some(value)));
    let resource = Resource { attributes: attributes.into(), ..Resource::default() };
    ResourceSpans { resource: Some(resource), schema_url: SCHEMA.into(), ..ResourceSpans::default() }.encode_to_vec()
}

/// The fields of `ScopeSpans` other than spans, encoded.
pub(super) fn scope() -> Vec<u8> {
    let scope = InstrumentationScope { name: SCOPE.into(), version: VERSION.into(), ..InstrumentationScope::default() };
    ScopeSpans { scope: Some(scope), schema_url: SCHEMA.into(), ..ScopeSpans::default() }.encode_to_vec()
}

/// The attributes of the resource. What the user says wins; keys are unique, as the specification asks.
pub(super) fn described(settings: &Settings) -> BTreeMap<String, String> {
    let found = [
        ("service.name", Some(settings.service_name.clone())),
        ("service.version", Some(VERSION.to_owned())),
        ("host.name", host::name()),
        ("host.id", host::machine_id()),
        ("os.type", Some("linux".to_owned())),
        ("telemetry.sdk.name", Some("egret".to_owned())),
        ("telemetry.sdk.language", Some("rust".to_owned())),
        ("telemetry.sdk.version", Some(VERSION.to_owned())),
    ];
    let found = found.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    found.chain(settings.resource.iter().cloned()).collect()
}
