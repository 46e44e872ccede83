//! The kinds of sinks, and how each is created.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use egret_config::{Baseline, Settings};
use egret_enforcer::store::BaselineStore;
use egret_exporters::prometheus::Metrics;
use egret_exporters::{json, names, otlp, parquet, prometheus};
use egret_model::work;

use super::running::Work;
use crate::enforce::{Learner, Losses};

/// A kind of sink. There is at most one sink of each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Parquet,
    Prometheus,
    Otlp,
    Json,
    Baseline,
}

/// State that sinks share with the rest of the daemon.
#[derive(Clone, Default)]
pub(super) struct Parts {
    /// The registry of the metrics sink.
    pub(super) metrics: Option<Arc<Metrics>>,
    /// Makes the JSON sink reopen its file.
    pub(super) reopener: Option<json::Reopener>,
    /// The baseline, and the number of records lost before it.
    pub(super) learning: Option<(Arc<BaselineStore>, Losses)>,
}

impl Kind {
    pub(super) const ALL: [Self; 5] = [Self::Parquet, Self::Prometheus, Self::Otlp, Self::Json, Self::Baseline];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Prometheus => "prometheus",
            Self::Otlp => "otlp",
            Self::Json => "json",
            Self::Baseline => Learner::NAME,
        }
    }

    /// The capacity of the queue in events; `None` if the sink is not enabled.
    pub(super) fn queue_events(self, settings: &Settings) -> Option<usize> {
        match self {
            Self::Parquet => settings.parquet.as_ref().map(|parquet| parquet.queue_events),
            Self::Prometheus => settings.metrics.as_ref().map(|metrics| metrics.prometheus.queue_events),
            Self::Otlp => settings.otlp.as_ref().map(|otlp| otlp.queue_events),
            Self::Json => settings.json.as_ref().map(|json| json.queue_events),
            Self::Baseline => settings.baseline.as_ref().map(|baseline| baseline.queue_events),
        }
    }

    /// Whether both settings are the same for this sink.
    pub(super) fn is_same(self, old: &Settings, new: &Settings) -> bool {
        match self {
            Self::Parquet => old.parquet == new.parquet,
            // Metrics are never reset by a reload.
            Self::Prometheus => true,
            Self::Otlp => old.otlp == new.otlp,
            Self::Json => old.json == new.json,
            Self::Baseline => old.baseline == new.baseline,
        }
    }

    /// Creates the sink; `None` if it is not enabled.
    pub(super) fn create(self, settings: &Settings, parts: &mut Parts) -> Result<Option<Work>> {
        let _starting =
            tracing::info_span!(target: work::TARGET, work::START_SINK, { names::SINK } = self.name()).entered();
        let created = match self {
            Self::Parquet => settings.parquet.as_ref().map(parquet).transpose(),
            Self::Prometheus => Ok(parts.metrics.clone().map(prometheus)),
            Self::Otlp => settings.otlp.as_ref().map(otlp).transpose(),
            Self::Json => settings.json.as_ref().map(|settings| json(settings, parts)).transpose(),
            Self::Baseline => Ok(settings.baseline.as_ref().zip(parts.learning.clone()).map(learner)),
        };
        let created = created.with_context(|| format!("cannot start the {} sink", self.name()));
        created.inspect_err(|error| tracing::error!(target: work::TARGET, error = %format_args!("{error:#}")))
    }
}

fn parquet(settings: &parquet::Settings) -> Result<Work> {
    let sink = parquet::Sink::new(settings)?;
    Ok(Work::Thread(Box::new(|inbox| Box::pin(sink.run(inbox)))))
}

fn prometheus(metrics: Arc<Metrics>) -> Work {
    Work::Shared(Box::new(|inbox| Box::pin(prometheus::Sink::new(metrics).run(inbox))))
}

fn otlp(settings: &otlp::Settings) -> Result<Work> {
    let sink = otlp::Sink::new(settings)?;
    Ok(Work::Shared(Box::new(|inbox| Box::pin(sink.run(inbox)))))
}

fn json(settings: &json::Settings, parts: &mut Parts) -> Result<Work> {
    let sink = json::Sink::new(settings)?;
    parts.reopener = Some(sink.reopener());
    Ok(Work::Thread(Box::new(|inbox| Box::pin(sink.run(inbox)))))
}

fn learner((settings, (baseline, losses)): (&Baseline, (Arc<BaselineStore>, Losses))) -> Work {
    let learner = Learner { baseline, save_every: settings.save_every, losses };
    Work::Thread(Box::new(|inbox| Box::pin(learner.run(inbox))))
}
