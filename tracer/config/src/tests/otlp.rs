//! OpenTelemetry's variables, and the OTLP sink.

use std::time::Duration;

use egret_exporters::otlp::{ClientIdentity, Protocol, Settings};

use super::{right, wrong};

fn otlp(text: &str, variables: &[(&str, &str)]) -> Settings {
    right(text, variables).settings.otlp.expect("spans are sent")
}

fn endpoint(variables: &[(&str, &str)]) -> String {
    otlp("", variables).endpoint
}

const GENERAL: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const TRACES: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const PROTOCOL: &str = "OTEL_EXPORTER_OTLP_PROTOCOL";

#[test]
fn the_path_of_traces_is_appended_to_the_general_endpoint_only() {
    assert_eq!(endpoint(&[(GENERAL, "http://h:4318")]), "http://h:4318/v1/traces");
    assert_eq!(endpoint(&[(GENERAL, "http://h:4318/base/")]), "http://h:4318/base/v1/traces");
    assert_eq!(endpoint(&[(GENERAL, "http://h/base?tenant=1")]), "http://h/base/v1/traces?tenant=1");
    assert_eq!(endpoint(&[(GENERAL, "http://h"), (TRACES, "https://t/in")]), "https://t/in");
}

#[test]
fn grpc_uses_host_and_port() {
    let grpc = (PROTOCOL, "grpc");
    assert_eq!(endpoint(&[grpc, (GENERAL, "http://h:4317/")]), "http://h:4317");
    assert_eq!(endpoint(&[grpc, (GENERAL, "h:4317")]), "https://h:4317");
    assert_eq!(endpoint(&[grpc, (GENERAL, "h:4317"), ("OTEL_EXPORTER_OTLP_INSECURE", "TRUE")]), "http://h:4317");
    let secure = [grpc, (GENERAL, "https://h"), ("OTEL_EXPORTER_OTLP_INSECURE", "true")];
    assert_eq!(endpoint(&secure), "https://h", "the scheme has precedence");
    assert!(wrong("", &[(GENERAL, "h:4318")])[0].contains("http:// or https://"));
}

#[test]
fn file_endpoint_precedes_traces_endpoint_of_the_environment() {
    let file = "[otlp]\nendpoint = \"http://file\"";
    assert_eq!(otlp(file, &[(TRACES, "http://env/in")]).endpoint, "http://file/v1/traces");
    let own = [(TRACES, "http://env/in"), ("EGRET_OTLP_TRACES_ENDPOINT", "http://own/in")];
    assert_eq!(otlp(file, &own).endpoint, "http://own/in");
}

#[test]
fn every_variable_of_the_exporter_is_used() {
    let general = [
        (GENERAL, "https://h"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "Api-Key=a%2Cb,x=1"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "2500"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca"),
        ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/cert"),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/key"),
        ("OTEL_SERVICE_NAME", "edge"),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=other,deployment.environment.name=a%20b"),
    ];
    let settings = otlp("", &general);
    assert_eq!((settings.protocol, settings.gzip), (Protocol::Http, true));
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(settings.headers, [pair("api-key", "a,b"), pair("x", "1")]);
    assert_eq!(settings.timeout, Duration::from_millis(2500));
    assert_eq!(settings.certificate, Some("/ca".into()));
    assert_eq!(settings.client, Some(ClientIdentity { certificate: "/cert".into(), key: "/key".into() }));
    assert_eq!(settings.service_name, "edge", "it has precedence over service.name in the attributes");
    assert_eq!(settings.resource, [pair("deployment.environment.name", "a b")]);
}

#[test]
fn variables_for_traces_precede_general_ones() {
    let pairs = [
        ("HEADERS", "a=1", "b=2"),
        ("COMPRESSION", "gzip", "none"),
        ("TIMEOUT", "1000", "2000"),
        ("CERTIFICATE", "/a", "/b"),
        ("PROTOCOL", "http/protobuf", "grpc"),
    ];
    let named = |infix: &str, name: &str| format!("OTEL_EXPORTER_OTLP_{infix}{name}");
    let all = pairs
        .iter()
        .flat_map(|(name, general, traces)| [(named("", name), *general), (named("TRACES_", name), *traces)]);
    let all: Vec<_> = all.chain([(TRACES.to_owned(), "https://h")]).collect();
    let settings = otlp("", &all.iter().map(|(name, value)| (name.as_str(), *value)).collect::<Vec<_>>());
    assert_eq!(settings.headers, [("b".to_owned(), "2".to_owned())]);
    assert_eq!((settings.gzip, settings.timeout), (false, Duration::from_secs(2)));
    assert_eq!((settings.certificate, settings.protocol), (Some("/b".into()), Protocol::Grpc));
}

#[test]
fn service_name_is_read_from_the_attributes() {
    let variables = [(GENERAL, "https://h"), ("OTEL_RESOURCE_ATTRIBUTES", "service.name=edge")];
    assert_eq!(otlp("", &variables).service_name, "edge");
}

#[test]
fn invalid_values_are_ignored_with_a_warning_as_the_specification_demands() {
    let variables = [
        (GENERAL, "https://h"),
        (PROTOCOL, "carrier-pigeon"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "-5"),
        ("OTEL_EXPORTER_OTLP_INSECURE", "1"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"),
        ("OTEL_RESOURCE_ATTRIBUTES", "a=%"),
        ("OTEL_SDK_DISABLED", "yes"),
    ];
    let loaded = right("", &variables);
    assert_eq!(loaded.settings, right("", &variables[..1]).settings);
    for (name, _) in &variables[1..] {
        assert!(loaded.warnings.iter().any(|warning| warning.starts_with(name)), "{name}: {:?}", loaded.warnings);
    }
}

#[test]
fn a_timeout_of_zero_is_a_day() {
    let settings = otlp("", &[(GENERAL, "https://h"), ("OTEL_EXPORTER_OTLP_TIMEOUT", "0")]);
    assert_eq!(settings.timeout, Duration::from_secs(86_400));
}

#[test]
fn json_over_http_is_an_error() {
    let problems = wrong("", &[("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json")]);
    assert!(problems[0].contains("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") && problems[0].contains("JSON"), "{problems:?}");
}

#[test]
fn sdk_disabled_is_overridden_by_the_file() {
    let variables = [(GENERAL, "https://h"), ("OTEL_SDK_DISABLED", "True")];
    assert!(right("", &variables).settings.otlp.is_none());
    assert!(right("[otlp]\nenabled = true", &variables).settings.otlp.is_some());
    assert!(right("", &[variables[0], ("OTEL_SDK_DISABLED", "false")]).settings.otlp.is_some());
}

#[test]
fn certificate_and_key_need_each_other() {
    for key in ["client_key", "client_certificate"] {
        let problems = wrong(&format!("[otlp]\nendpoint = \"https://h\"\n{key} = \"/x\""), &[]);
        assert!(problems[0].starts_with(&format!("egret.toml:3:{}: otlp.{key}: ", key.len() + 4)), "{problems:?}");
    }
}

#[test]
fn options_without_effect_are_warned_about() {
    let warnings = |text: &str| right(text, &[]).warnings.join("\n");
    assert!(warnings("[otlp]\ntimeout = \"1s\"").contains("no otlp.endpoint"));
    assert!(warnings("[otlp]\nendpoint = \"http://h\"\ncertificate = \"/ca\"").contains("without TLS"));
    assert!(warnings("[otlp]\nendpoint = \"http://h:4317\"").contains("other transport"));
    assert!(warnings("[otlp]\nendpoint = \"http://h/x\"\nprotocol = \"grpc\"").contains("ignores the path"));
    assert_eq!(warnings("[otlp]\nendpoint = \"https://h:4318\"\ncertificate = \"/ca\""), "");
}

#[test]
fn own_spans_need_an_endpoint() {
    let text = "[otlp]\nown_spans = true\n";
    assert!(!right(text, &[]).settings.own_spans);
    assert!(right(&format!("{text}endpoint = \"https://h\""), &[]).settings.own_spans);
}
