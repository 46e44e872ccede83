//! Spans about egret's own work.
//!
//! They are few and nothing depends on their number, so they take the usual way: an SDK that gathers them, and
//! `opentelemetry-otlp`, which sends them where the sink sends its own, over the same kind of connection.

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
use super::resource::{SCHEMA, VERSION, described};
use super::{Error, Protocol, Settings};

/// Spans that may wait, of some 500 bytes each; what comes while there are as many is dropped.
const QUEUE: usize = 512;

/// The scope of spans about egret's own work; those about connections have another.
#[must_use]
pub fn scope() -> InstrumentationScope {
    InstrumentationScope::builder("egret").with_version(VERSION).with_schema_url(SCHEMA).build()
}

/// What takes spans, and sends them to the collector that the settings name. It starts a thread, which gathers them; they
/// are sent on `runtime`.
///
/// # Errors
///
/// If the address, a header, a certificate or a key cannot be used.
pub fn provider(settings: &Settings, runtime: &Handle) -> Result<SdkTracerProvider, Error> {
    let exporter = {
        let _entered = runtime.enter();
        exporter(settings)?
    };
    let exporter = OnRuntime {
        exporter: Arc::new(exporter),
        runtime: runtime.clone(),
        timeout: settings.timeout,
        away: AtomicBool::new(false),
    };
    let batches = BatchConfigBuilder::default()
        .with_max_queue_size(QUEUE)
        .with_max_export_batch_size(settings.batch_spans.min(QUEUE))
        .with_scheduled_delay(settings.batch_delay)
        .build();
    let attributes = described(settings).into_iter().map(|(key, value)| KeyValue::new(key, value));
    let provider = SdkTracerProvider::builder()
        .with_span_processor(BatchSpanProcessor::new(exporter, batches))
        // Not what the environment says: spans were asked for.
        .with_sampler(Sampler::AlwaysOn)
        .with_resource(Resource::builder_empty().with_schema_url(attributes, SCHEMA).build());
    Ok(provider.build())
}

/// The exporter. It reads OpenTelemetry's variables by itself; they are in the settings already, below what the file says,
/// so headers and addresses are set once more on the way out.
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
                .with_http_client(Posting(Http::new(settings)?));
            let builder = if settings.gzip { builder.with_compression(Compression::Gzip) } else { builder };
            builder.build().map_err(refused)
        }
    }
}

/// The sink's way to post.
#[derive(Debug)]
struct Posting(Http);

impl HttpClient for Posting {
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

/// Exports where there is a runtime, which the SDK's thread has none of.
#[derive(Debug)]
struct OnRuntime {
    exporter: Arc<Exporter>,
    runtime: Handle,
    timeout: Duration,
    /// The last batch was not taken: what becomes of the next is news.
    away: AtomicBool,
}

impl OnRuntime {
    /// A collector that does not answer is told of once, not every second.
    fn tell(&self, spans: usize, result: &OTelSdkResult) {
        match result {
            Ok(()) => {
                if self.away.swap(false, Ordering::Relaxed) {
                    tracing::info!("the collector takes spans about egret's own work again");
                }
            }
            Err(error) => {
                if !self.away.swap(true, Ordering::Relaxed) {
                    let error = chain(error);
                    tracing::warn!(error, spans, "the collector does not take spans about egret's own work");
                }
            }
        }
    }
}

impl SpanExporter for OnRuntime {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let (spans, exporter, timeout) = (batch.len(), Arc::clone(&self.exporter), self.timeout);
        // As a task, because a runtime that goes away cancels its tasks, while whoever waits on its timers panics.
        let sent = self.runtime.spawn(async move { tokio::time::timeout(timeout, exporter.export(batch)).await });
        let result = match sent.await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(OTelSdkError::Timeout(timeout)),
            // egret ends, or it panicked: nobody is there to hear of it, or it was told already.
            Err(error) => return Err(OTelSdkError::InternalFailure(error.to_string())),
        };
        self.tell(spans, &result);
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        // Told before the first batch: nobody else has it yet.
        if let Some(exporter) = Arc::get_mut(&mut self.exporter) {
            exporter.set_resource(resource);
        }
    }
}
