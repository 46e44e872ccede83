//! The sinks measured, each on a thread of its own, as in the daemon.

use std::future::Future;
use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use egret_exporters::sink::{Account, Ledger, Receiver as Inbox, Sender, queue};
use egret_exporters::{json, otlp, parquet, prometheus};
use nix::time::{ClockId, clock_gettime};

use crate::host::pin;
use crate::receiver::Receiver;

/// Events that may wait: the daemon's default.
pub(crate) const QUEUE: usize = 65_536;

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
                let metrics = prometheus::Metrics::new(&metrics_settings())?;
                spawn(cpu, inbox, async move |inbox| prometheus::Sink::new(metrics).run(inbox).await)
            }
            Self::Parquet => {
                let sink = parquet::Sink::new(&log_settings(&directory.join("parquet")))?;
                spawn(cpu, inbox, async move |inbox| sink.run(inbox).await)
            }
            Self::Json => {
                let destination = json::Destination::File(directory.join("events.json"));
                let sink = json::Sink::new(&json::Settings { destination, queue_events: QUEUE })?;
                spawn(cpu, inbox, async move |inbox| sink.run(inbox).await)
            }
            Self::OtlpGrpc => {
                let sink = otlp::Sink::new(&span_settings(otlp::Protocol::Grpc, format!("http://{}", receiver.grpc)))?;
                spawn(cpu, inbox, async move |inbox| sink.run(inbox).await)
            }
            Self::OtlpHttp => {
                let endpoint = format!("http://{}/v1/traces", receiver.http);
                let sink = otlp::Sink::new(&span_settings(otlp::Protocol::Http, endpoint))?;
                spawn(cpu, inbox, async move |inbox| sink.run(inbox).await)
            }
        };
        Ok(Running { sender, ledger, thread })
    }
}

/// A sink at work.
pub(crate) struct Running {
    pub(crate) sender: Sender,
    ledger: Ledger,
    thread: JoinHandle<Result<Duration>>,
}

impl Running {
    /// Closes its queue and waits until it has done with everything; its account, and the CPU time it took.
    pub(crate) fn finish(self) -> Result<(Account, Duration)> {
        drop(self.sender);
        let cpu = self.thread.join().map_err(|_| anyhow!("the sink broke down"))??;
        Ok((self.ledger.account(), cpu))
    }
}

fn spawn<F: Future<Output = ()>>(
    cpu: Option<usize>,
    inbox: Inbox,
    sink: impl FnOnce(Inbox) -> F + Send + 'static,
) -> JoinHandle<Result<Duration>> {
    thread::spawn(move || {
        if let Some(cpu) = cpu {
            pin(cpu)?;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
        runtime.block_on(sink(inbox));
        Ok(Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?))
    })
}

/// The daemon's defaults.
fn metrics_settings() -> prometheus::Settings {
    let latency_buckets = vec![0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0];
    prometheus::Settings { executables: 100, peers: 100, latency_buckets, queue_events: QUEUE }
}

/// The daemon's defaults, into a directory.
pub(crate) fn log_settings(directory: &Path) -> parquet::Settings {
    parquet::Settings {
        destination: parquet::Destination::Directory(directory.to_owned()),
        host: "bench".to_owned(),
        rotate_after: Duration::from_secs(60),
        rotate_bytes: 64 << 20,
        row_group_rows: 131_072,
        zstd_level: 3,
        keep_for: None,
        keep_bytes: None,
        queue_events: QUEUE,
    }
}

/// The daemon's defaults, to a collector.
fn span_settings(protocol: otlp::Protocol, endpoint: String) -> otlp::Settings {
    otlp::Settings {
        endpoint,
        protocol,
        headers: Vec::new(),
        gzip: false,
        timeout: Duration::from_secs(10),
        retry_for: Duration::from_secs(60),
        certificate: None,
        client: None,
        queue_events: QUEUE,
        batch_spans: 4096,
        batch_delay: Duration::from_secs(1),
        service_name: "egret".to_owned(),
        resource: Vec::new(),
    }
}
