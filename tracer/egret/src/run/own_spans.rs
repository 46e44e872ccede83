//! Spans about egret's own work: `otlp.own_spans`.

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use egret_config::Settings;
use egret_exporters::otlp;
use opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use super::privilege;
use crate::log::Log;

/// Time limit for sending the last spans.
const GRACE: Duration = Duration::from_secs(1);

/// The spans, if they are enabled. The last ones are sent on drop, also if egret fails to start, which they show.
pub(super) struct OwnSpans<'a> {
    log: &'a Log,
    runtime: Handle,
    provider: Option<SdkTracerProvider>,
}

impl<'a> OwnSpans<'a> {
    /// Starts the spans, if they are enabled. The configuration was read before that, in the interval `read`.
    pub(super) fn start(
        settings: &Settings,
        log: &'a Log,
        runtime: Handle,
        read: (SystemTime, SystemTime),
    ) -> Result<Self> {
        let mut own = Self { log, runtime, provider: None };
        own.provider = own.provide(settings)?;
        if let Some(provider) = &own.provider {
            let tracer = provider.tracer_with_scope(otlp::scope());
            let span = tracer.span_builder(egret_model::work::READ_CONFIGURATION).with_start_time(read.0);
            span.start(&tracer).end_with_timestamp(read.1);
        }
        Ok(own)
    }

    /// Applies new settings. Spans that have not ended are lost.
    pub(super) async fn reload(&mut self, old: &Settings, new: &Settings) {
        if enabled(old) == enabled(new) {
            return;
        }
        let former = self.provider.take();
        match self.provide(new) {
            Ok(provider) => self.provider = provider,
            Err(error) => tracing::error!("{error:#}"),
        }
        end(former).await;
    }

    /// Sends the last spans.
    pub(super) async fn end(&mut self) {
        end(self.provider.take()).await;
    }

    fn provide(&self, settings: &Settings) -> Result<Option<SdkTracerProvider>> {
        // Detaches the old provider even if the new one fails.
        self.log.trace_work(None)?;
        let Some(settings) = enabled(settings) else { return Ok(None) };
        let provider = privilege::run_without(|| Ok(otlp::provider(settings, &self.runtime)?))
            .context("cannot send spans about egret's own work")?;
        self.log.trace_work(Some(provider.tracer_with_scope(otlp::scope())))?;
        Ok(Some(provider))
    }
}

impl Drop for OwnSpans<'_> {
    fn drop(&mut self) {
        if let Some(provider) = self.provider.take() {
            shut_down(&provider);
        }
    }
}

/// The settings of the spans, if they are enabled.
fn enabled(settings: &Settings) -> Option<&otlp::Settings> {
    settings.otlp.as_ref().filter(|_| settings.own_spans)
}

async fn end(provider: Option<SdkTracerProvider>) {
    if let Some(provider) = provider {
        // Fails only if the runtime has ended.
        let _ = spawn_blocking(move || shut_down(&provider)).await;
    }
}

fn shut_down(provider: &SdkTracerProvider) {
    if let Err(error) = provider.shutdown_with_timeout(GRACE) {
        tracing::warn!(%error, "the last spans about egret's own work may be lost");
    }
}
