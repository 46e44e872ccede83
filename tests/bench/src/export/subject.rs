//! The measured sinks, each on a separate thread as in the daemon.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};

use anyhow::{Context as _, Result, anyhow};
use egret_config::Settings;
use egret_exporters::sink::{Account, Ledger, Receiver as Inbox, Sender, queue};
use egret_exporters::{json, otlp, parquet, prometheus};

use crate::host::pin;
use crate::receiver::Receiver;

/// Events that may wait: the daemon's default.
pub(crate) const QUEUE: usize = 32_768;

/// A sink, and how it is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Prometheus,
    Parquet,
    Json,
    OtlpGrpc,
    OtlpHttp,
}

impl Subject {
    /// The name in tables.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Prometheus => "prometheus",
            Self::Parquet => "parquet",
            Self::Json => "json",
            Self::OtlpGrpc => "otlp (gRPC)",
            Self::OtlpHttp => "otlp (HTTP)",
        }
    }

    /// Starts it, on one CPU if one is named, writing below a directory and sending to a receiver.
    pub(crate) fn start(self, directory: &Path, receiver: &Receiver, cpu: Option<usize>) -> Result<Running> {
        let (sender, inbox) = queue(self.name(), QUEUE);
        let ledger = sender.ledger().clone();
        let thread = match self {
            Self::Prometheus => {
                let metrics = prometheus::Metrics::new(&metrics_settings()?)?;
                spawn(cpu, inbox, async move |inbox| prometheus::Sink::new(metrics).run(inbox).await)
            }
            Self::Parquet => {
                let sink = parquet::Sink::new(&log_settings(directory.join("parquet"))?)?;
                spawn(cpu, inbox, async move |inbox| sink.run(inbox).await)
            }
            Self::Json => {
                let destination = json::Destination::File(directory.join("events.json"));
                let sink = json::Sink::new(&json::Settings {
                    destination,
                    updates: false,
                    queue_events: QUEUE,
                    arguments: egret_model::Arguments::redacted(),
                })?;
                spawn(cpu, inbox, async move |inbox| sink.run(inbox).await)
            }
            Self::OtlpGrpc => {
                let sink = otlp::Sink::new(&span_settings(otlp::Protocol::Grpc, format!("http://{}", receiver.grpc))?)?;
                spawn(cpu, inbox, async move |inbox| sink.run(inbox).await)
            }
            Self::OtlpHttp => {
                let endpoint = format!("http://{}/v1/traces", receiver.http);
                let sink = otlp::Sink::new(&span_settings(otlp::Protocol::Http, endpoint)?)?;
                spawn(cpu, inbox, async move |inbox| sink.run(inbox).await)
            }
        };
        Ok(Running { sender, ledger, thread })
    }
}

/// A running sink.
pub(crate) struct Running {
    pub(crate) sender: Sender,
    ledger: Ledger,
    thread: JoinHandle<Result<()>>,
}

impl Running {
    /// Closes its queue and waits until it has processed every event; returns its account.
    pub(crate) fn finish(self) -> Result<Account> {
        drop(self.sender);
        self.thread.join().map_err(|_| anyhow!("the sink broke down"))??;
        Ok(self.ledger.account())
    }
}

fn spawn<F: Future<Output = ()>>(
    cpu: Option<usize>,
    inbox: Inbox,
    sink: impl FnOnce(Inbox) -> F + Send + 'static,
) -> JoinHandle<Result<()>> {
    thread::spawn(move || {
        if let Some(cpu) = cpu {
            pin(cpu)?;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
        runtime.block_on(sink(inbox));
        Ok(())
    })
}

/// The daemon's defaults.
fn defaults() -> Result<Settings> {
    let nowhere = ("EGRET_OTLP_ENDPOINT".into(), "http://localhost".into());
    Ok(egret_config::load(Some(Path::new("/dev/null")), [nowhere].into_iter())?.settings)
}

fn metrics_settings() -> Result<prometheus::Settings> {
    Ok(defaults()?.metrics.context("metrics are served by default")?.prometheus)
}

/// Synthetic events may be old: retention is off.
fn log_settings(directory: PathBuf) -> Result<parquet::Settings> {
    let settings = defaults()?.parquet.context("a log is written by default")?;
    let destination = parquet::Destination::Directory(directory);
    Ok(parquet::Settings { destination, keep_for: None, keep_bytes: None, ..settings })
}

fn span_settings(protocol: otlp::Protocol, endpoint: String) -> Result<otlp::Settings> {
    let settings = defaults()?.otlp.context("there is an endpoint")?;
    Ok(otlp::Settings { protocol, endpoint, ..settings })
}
