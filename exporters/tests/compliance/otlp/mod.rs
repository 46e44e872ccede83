//! OTLP, over gRPC and over HTTP.

mod collector;
mod grpc;
mod http;

use std::path::Path;
use std::time::Duration;

use egret_exporters::otlp::{Protocol, Settings, Sink};
use egret_exporters::sink::DropReason;

use self::collector::Collector;
use crate::scenarios::Scenario;
use crate::subject::{ALL_ARRIVES, Condition, Delivery, Destination, Expected, Holds, Ready, Subject};

/// To a collector in this process, which may be stopped, slow or unresponsive.
pub(crate) struct ToCollector(pub(crate) Protocol);

impl Subject for ToCollector {
    fn name(&self) -> &'static str {
        match self.0 {
            Protocol::Grpc => "otlp_grpc",
            Protocol::Http => "otlp_http",
        }
    }

    fn expects(&self, scenario: Scenario) -> Expected {
        Expected::Account(match scenario {
            Scenario::Load | Scenario::Slow => ALL_ARRIVES.must_drop(DropReason::QueueFull),
            Scenario::Dead => ALL_ARRIVES.must_drop(DropReason::Unreachable),
            Scenario::FullDisk => return Expected::Inapplicable("nothing is kept on a disk"),
            // Requests that the collector received but did not answer before its restart are sent again.
            Scenario::Restart => ALL_ARRIVES.delivers(Delivery::AtLeast),
            Scenario::Drain => ALL_ARRIVES,
            Scenario::Abandon => ALL_ARRIVES.must_drop(DropReason::Shutdown),
        })
    }

    fn destination(&self, _: &Path, condition: Condition) -> Box<dyn Destination> {
        // Short retries for a dead collector, long ones for a collector that restarts.
        let retry_for = Duration::from_secs(if condition == Condition::Dead { 1 } else { 60 });
        Box::new(Remote { collector: Collector::new(self.0, condition), protocol: self.0, retry_for })
    }
}

struct Remote {
    collector: Collector,
    protocol: Protocol,
    retry_for: Duration,
}

impl Destination for Remote {
    fn address(&self) -> String {
        self.collector.endpoint()
    }

    fn sink(&mut self) -> Result<Ready, String> {
        let settings = settings(self.protocol, self.collector.endpoint(), self.retry_for);
        let sink = Sink::new(&settings).map_err(|error| error.to_string())?;
        Ok(Box::new(|inbox| Box::pin(sink.run(inbox))))
    }

    fn set(&mut self, condition: Condition) {
        self.collector.set(condition);
    }

    fn holds(&mut self) -> Holds {
        Holds::Events(self.collector.events())
    }
}

fn settings(protocol: Protocol, endpoint: String, retry_for: Duration) -> Settings {
    Settings {
        endpoint,
        protocol,
        headers: Vec::new(),
        gzip: false,
        timeout: Duration::from_secs(30),
        retry_for,
        certificate: None,
        client: None,
        // The queue has the capacity of the scenario.
        queue_events: 0,
        arguments: egret_model::Arguments::default(),
        batch_spans: 4_096,
        batch_delay: Duration::from_millis(10),
        service_name: "egret".to_owned(),
        resource: Vec::new(),
    }
}
