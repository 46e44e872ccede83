//! Resource attributes.

use std::collections::BTreeMap;
use std::fs;

use egret_exporters::otlp::Settings;
use opentelemetry_proto::tonic::common::v1::any_value::Value;

use crate::events::full_event;
use crate::running::{PROTOCOLS, exchange};

async fn resource(change: impl FnOnce(&mut Settings)) -> BTreeMap<String, String> {
    let (_, collector) = exchange(PROTOCOLS[0], [], change, vec![full_event()]).await;
    let request = collector.heard().remove(0).request;
    let attributes = request.resource_spans[0].resource.as_ref().expect("a resource").attributes.clone();
    let text = |value: Value| if let Value::StringValue(text) = value { text } else { panic!("{value:?}") };
    attributes.into_iter().map(|attribute| (attribute.key, text(attribute.value.unwrap().value.unwrap()))).collect()
}

#[tokio::test]
async fn resource_identifies_service_and_host() {
    let resource = resource(|_| {}).await;
    assert_eq!(resource["service.name"], "egret");
    assert_eq!(resource["os.type"], "linux");
    assert_eq!(resource["host.name"], fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim());
    let machine = fs::read_to_string("/etc/machine-id").ok();
    let machine = machine.as_deref().map(str::trim).filter(|id| !id.is_empty());
    assert_eq!(resource.get("host.id").map(String::as_str), machine);
    for key in ["service.version", "telemetry.sdk.name", "telemetry.sdk.language", "telemetry.sdk.version"] {
        assert!(resource.contains_key(key), "{key} is missing from {resource:?}");
    }
}

#[tokio::test]
async fn configured_attributes_override_detected_ones() {
    let resource = resource(|settings| {
        settings.resource =
            vec![("host.name".into(), "db-1".into()), ("deployment.environment.name".into(), "test".into())];
    })
    .await;
    assert_eq!(resource["host.name"], "db-1");
    assert_eq!(resource["deployment.environment.name"], "test");
}
