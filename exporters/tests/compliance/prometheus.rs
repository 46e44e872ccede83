//! Metrics. No destination can fail: events are counted in memory, and scrapes read the counters.

use std::path::Path;
use std::sync::Arc;

use egret_exporters::prometheus::{Format, Metrics, Settings, Sink};
use egret_exporters::sink::DropReason;
use egret_model::snapshot::Snapshot;
use egret_model::{Layer, Mode, Tally};

use crate::scenarios::Scenario;
use crate::subject::{ALL_ARRIVES, Condition, Destination, Expected, Holds, Ready, Subject};

pub(crate) struct ToMetrics;

impl Subject for ToMetrics {
    fn name(&self) -> &'static str {
        "prometheus"
    }

    fn expects(&self, scenario: Scenario) -> Expected {
        match scenario {
            Scenario::Load => Expected::Account(ALL_ARRIVES.must_drop(DropReason::QueueFull)),
            Scenario::Drain => Expected::Account(ALL_ARRIVES),
            Scenario::Dead | Scenario::Slow | Scenario::FullDisk | Scenario::Restart | Scenario::Abandon => {
                Expected::Inapplicable("counts in memory")
            }
        }
    }

    fn destination(&self, _: &Path, _: Condition) -> Box<dyn Destination> {
        let settings = Settings { executables: 10, peers: 10, latency_buckets: vec![0.1, 1.0], queue_events: 0 };
        Box::new(Counted(Metrics::new(&settings).unwrap()))
    }
}

struct Counted(Arc<Metrics>);

impl Destination for Counted {
    fn address(&self) -> String {
        "memory".to_owned()
    }

    fn sink(&mut self) -> Result<Ready, String> {
        let sink = Sink::new(Arc::clone(&self.0));
        Ok(Box::new(|inbox| Box::pin(sink.run(inbox))))
    }

    fn set(&mut self, condition: Condition) {
        assert_eq!(condition, Condition::Healthy, "nothing happens to memory");
    }

    fn holds(&mut self) -> Holds {
        let snapshot = Snapshot {
            open: None,
            mode: Mode::Observe,
            layer: Layer::Sockets,
            degradations: Vec::new(),
            tally: Tally::default(),
            sinks: Vec::new(),
            names: None,
            enforcement: None,
            baseline: None,
        };
        let page = self.0.render(&snapshot, Format::Text).unwrap();
        let counted =
            page.lines().find_map(|line| line.strip_prefix("egret_events_total{event=\"connection.close\"} "));
        Holds::Count(counted.unwrap().parse().unwrap())
    }
}
