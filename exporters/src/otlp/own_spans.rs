//! Spans about egret's own work.
//!
//! They are few and need no exact account, so the OpenTelemetry SDK batches them and `opentelemetry-otlp` sends them, to the same
//! collector and with the same kind of connection as the sink's.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ::http::{HeaderMap, Request, Response, header};
use bytes::Bytes;
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{
    Compression, ExporterBuildError, Protocol as Transport, SpanExporter as Exporter, WithExportConfig as _,
    WithHttpConfig as _, WithTonicConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, SpanData, SpanExporter,
};
use tokio::runtime::Handle;
use tonic::metadata::MetadataMap;

use super::client::http::Http;
use super::client::{chain, grpc, headers};
use super::encoder::resource::{self, SCHEMA, VERSION};
use super::{Error, Protocol, Settings};

/// Capacity of the queue, in spans of some 500 bytes. Spans that do not fit are dropped.
const QUEUE: usize = 512;

/// The scope of spans about egret's own work. Spans of connections have another.
#[must_use]
pub fn scope() -> InstrumentationScope {
    InstrumentationScope::builder("egret").with_version(VERSION).with_schema_url(SCHEMA).build()
}

/// A provider that sends spans to the configured collector. It starts a thread that batches them; requests are sent on `runtime`.
///
/// # Errors
///
/// The address, a header, a certificate or a key cannot be used.
pub fn provider(settings: &Settings, runtime: &Handle) -> Result<SdkTracerProvider, Error> {
    let exporter = {
        let _entered = runtime.enter();
        exporter(settings)?
    };
    let exporter = OnRuntime {
        exporter: Arc::new(exporter),
        runtime: runtime.clone(),
        timeout: settings.timeout,
        failing: AtomicBool::new(false),
    };
    let batches = BatchConfigBuilder::default()
        .with_max_queue_size(QUEUE)
        .with_max_export_batch_size(settings.batch_spans.min(QUEUE))
        .with_scheduled_delay(settings.batch_delay)
        .build();
    let attributes = resource::attributes(settings).into_iter().map(|(key, value)| KeyValue::new(key, value));
    let provider = SdkTracerProvider::builder()
        .with_span_processor(BatchSpanProcessor::new(exporter, batches))
        // Overrides the sampler that the environment names.
        .with_sampler(Sampler::AlwaysOn)
        .with_resource(Resource::builder_empty().with_schema_url(attributes, SCHEMA).build());
    Ok(provider.build())
}

/// Builds the exporter. It reads OpenTelemetry's environment variables itself, which would override the configuration file, so
/// headers and address are set explicitly.
fn exporter(settings: &Settings) -> Result<Exporter, Error> {
    let refused =
        |error: ExporterBuildError| Error::Endpoint { endpoint: settings.endpoint.clone(), source: error.into() };
    let builder = Exporter::builder();
    match settings.protocol {
        Protocol::Grpc => {
            let metadata = MetadataMap::from_headers(headers(settings)?);
            let builder = builder
                .with_tonic()
                .with_timeout(settings.timeout)
                .with_channel(grpc::endpoint(settings)?.connect_lazy())
                .with_interceptor(move |mut request: tonic::Request<()>| {
                    *request.metadata_mut() = metadata.clone();
                    Ok(request)
                });
            let builder = if settings.gzip { builder.with_compression(Compression::Gzip) } else { builder };
            builder.build().map_err(refused)
        }
        Protocol::Http => {
            let builder = builder
                .with_http()
                .with_protocol(Transport::HttpBinary)
                .with_endpoint(&settings.endpoint)
                .with_timeout(settings.timeout)
                .with_http_client(SinkHttpClient(Http::new(settings)?));
            let builder = if settings.gzip { builder.with_compression(Compression::Gzip) } else { builder };
            builder.build().map_err(refused)
        }
    }
}

/// The sink's HTTP client behind the SDK's interface.
#[derive(Debug)]
struct SinkHttpClient(Http);

impl HttpClient for SinkHttpClient {
    fn send_bytes<'client, 'sending>(
        &'client self,
        mut request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'sending>>
    where
        'client: 'sending,
        Self: 'sending,
    {
        Box::pin(async move {
            let encoding = request.headers_mut().remove(header::CONTENT_ENCODING);
            let headers: HeaderMap =
                encoding.map(|encoding| (header::CONTENT_ENCODING, encoding)).into_iter().collect();
            let (status, headers, body) = self.0.post(headers, request.into_body()).await?;
            let mut response = Response::new(body);
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            Ok(response)
        })
    }
}

/// Exports on a runtime, which the SDK's thread does not have.
#[derive(Debug)]
struct OnRuntime {
    exporter: Arc<Exporter>,
    runtime: Handle,
    timeout: Duration,
    /// The last batch failed; the next success is logged.
    failing: AtomicBool,
}

impl OnRuntime {
    /// Logs the first failure and the recovery.
    fn log(&self, spans: usize, result: &OTelSdkResult) {
        match result {
            Ok(()) => {
                if self.failing.swap(false, Ordering::Relaxed) {
                    tracing::info!("the collector accepts spans about egret's own work again");
                }
            }
            Err(error) => {
                if !self.failing.swap(true, Ordering::Relaxed) {
                    let error = chain(error);
                    tracing::warn!(error, spans, "cannot send spans about egret's own work to the collector");
                }
            }
        }
    }
}

impl SpanExporter for OnRuntime {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let (spans, exporter, timeout) = (batch.len(), Arc::clone(&self.exporter), self.timeout);
        // A task, because a runtime that shuts down cancels its tasks, while a timer of it would panic here.
        let sent = self.runtime.spawn(async move { tokio::time::timeout(timeout, exporter.export(batch)).await });
        let result = match sent.await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(OTelSdkError::Timeout(timeout)),
            // The runtime shuts down, or the task panicked, which was logged already.
            Err(error) => return Err(OTelSdkError::InternalFailure(error.to_string())),
        };
        self.log(spans, &result);
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        // Called before the first batch, when the exporter is not shared yet.
        if let Some(exporter) = Arc::get_mut(&mut self.exporter) {
            exporter.set_resource(resource);
        }
    }
}
