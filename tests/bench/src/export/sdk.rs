//! The OTLP sink next to the SDK's own exporter.

use std::time::{Duration, Instant, SystemTime};

use anyhow::Result;
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks};

use super::Bench;
use super::feed::{batches, saturate};
use super::subject::Subject;
use crate::report::{Aims, Table};

/// Aimed time relative to the SDK's exporter.
const AIM: f64 = 0.5;
/// Spans in one request, as the sink sends them.
const BATCH: usize = 2048;
/// Attributes of a span, as many as the sink sets on a typical one.
const ATTRIBUTES: usize = 20;

/// Measures; returns Markdown.
pub(super) fn measure(bench: &Bench<'_>) -> Result<String> {
    let mut table = Table::new(["", "spans a second", "relative to the SDK's exporter"]);
    let events = bench.options.events() / 2;
    let sdk = sdk_rate(bench, events)?;
    let sink = sink_rate(bench, events)?;
    table.row(["SDK's exporter alone, spans from memory", &format!("{sdk:.0}"), "1.00"]);
    table.row(["egret's sink, from events", &format!("{sink:.0}"), &format!("{:.2}", sink / sdk)]);
    let mut aims = Aims::default();
    aims.add(
        "OTLP sink",
        &format!("at least {AIM} of the SDK's exporter"),
        &format!("{:.2}", sink / sdk),
        sink >= AIM * sdk,
    );
    Ok(format!(
        "{aims}\nOver gRPC without compression, to a process that decodes and forgets. The SDK's exporter (crate opentelemetry-otlp) \
         is handed batches of {BATCH} finished spans with {ATTRIBUTES} attributes, one after the other; making them is not \
         counted. The sink turns events into spans itself: an average connection makes one to two.\n\n{table}"
    ))
}

fn sdk_rate(bench: &Bench<'_>, spans: usize) -> Result<f64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let endpoint = format!("http://{}", bench.receiver.grpc);
        let exporter = SpanExporter::builder().with_tonic().with_endpoint(endpoint).build()?;
        let batch: Vec<SpanData> = (0..BATCH).map(span).collect();
        let mut taken = Duration::ZERO;
        let mut sent = 0;
        while sent < spans {
            let copy = batch.clone();
            let begin = Instant::now();
            exporter.export(copy).await?;
            taken += begin.elapsed();
            sent += BATCH;
        }
        Ok(sent as f64 / taken.as_secs_f64())
    })
}

fn span(index: usize) -> SpanData {
    let number = u64::try_from(index).unwrap_or(0) + 1;
    let trace = TraceId::from_bytes(u128::from(number).to_be_bytes());
    let context =
        SpanContext::new(trace, SpanId::from_bytes(number.to_be_bytes()), TraceFlags::SAMPLED, false, TraceState::NONE);
    let attributes = (0..ATTRIBUTES)
        .map(|attribute| {
            KeyValue::new(format!("network.attribute.{attribute}"), format!("value {index} of {attribute}"))
        })
        .collect();
    SpanData {
        span_context: context,
        parent_span_id: SpanId::INVALID,
        parent_span_is_remote: false,
        span_kind: SpanKind::Client,
        name: "connection".into(),
        start_time: SystemTime::now(),
        end_time: SystemTime::now(),
        attributes,
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::builder("bench").build(),
    }
}

/// The rate at which the sink converts events to spans, as the receiver counts them.
fn sink_rate(bench: &Bench<'_>, events: usize) -> Result<f64> {
    let batches = batches(events);
    let running = Subject::OtlpGrpc.start(&bench.fresh_directory()?, &bench.receiver, None)?;
    let (before, begin) = (bench.receiver.spans()?, Instant::now());
    saturate(&[&running.sender], &batches);
    running.finish()?;
    let elapsed = begin.elapsed();
    Ok((bench.receiver.spans()? - before) as f64 / elapsed.as_secs_f64())
}
