//! OpenTelemetry spans about egret's own work.

use anyhow::Result;
use egret_model::work;
use opentelemetry_sdk::trace::SdkTracer;
use tracing::{Level, Metadata};
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::filter::{FilterFn, LevelFilter};
use tracing_subscriber::{Layer, Registry, reload};

type Translator = Option<OpenTelemetryLayer<Registry, SdkTracer>>;
type Choice = FilterFn<fn(&Metadata<'_>) -> bool>;

/// Turns the spans on and off. Turned off they cost nothing, because `tracing` caches that they are disabled.
pub(super) struct Switch {
    translator: reload::Handle<Translator, Registry>,
    choice: reload::Handle<Choice, Registry>,
}

/// The layer that makes the spans, turned off. Layer and filter are reloaded separately, because a layer with a filter
/// cannot be replaced.
pub(super) fn layer() -> (Box<dyn Layer<Registry> + Send + Sync>, Switch) {
    let (layer, translator) = reload::Layer::new(None);
    let (filter, choice) = reload::Layer::new(nothing());
    (layer.with_filter(filter).boxed(), Switch { translator, choice })
}

impl Switch {
    pub(super) fn set(&self, tracer: Option<SdkTracer>) -> Result<()> {
        let choice = if tracer.is_some() { all() } else { nothing() };
        self.translator.reload(tracer.map(translator))?;
        Ok(self.choice.reload(choice)?)
    }
}

fn translator(tracer: SdkTracer) -> OpenTelemetryLayer<Registry, SdkTracer> {
    let layer = tracing_opentelemetry::layer().with_tracer(tracer);
    layer.with_location(false).with_target(false).with_threads(false).with_tracked_inactivity(false)
}

fn nothing() -> Choice {
    let nothing: fn(&Metadata<'_>) -> bool = |_| false;
    FilterFn::new(nothing).with_max_level_hint(LevelFilter::OFF)
}

fn all() -> Choice {
    let wanted: fn(&Metadata<'_>) -> bool = is_about_work;
    FilterFn::new(wanted).with_max_level_hint(LevelFilter::INFO)
}

/// Spans of egret's work and its warnings within them. Spans of libraries are excluded: sending spans would make spans.
fn is_about_work(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    target == work::TARGET || metadata.is_event() && *metadata.level() <= Level::WARN && target.starts_with("egret")
}
