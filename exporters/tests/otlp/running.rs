//! A running sink.

use std::time::Duration;

use egret_exporters::otlp::{Protocol, Settings, Sink};
use egret_exporters::sink::{Account, Sender, queue};
use egret_model::Event;
use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::task::JoinHandle;

use crate::collector::{Answer, Collector};

/// Timeout of waits, much longer than needed on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Both of OTLP's transports.
pub(crate) const PROTOCOLS: [Protocol; 2] = [Protocol::Grpc, Protocol::Http];

/// Settings for a collector on this host, with long timeouts and without compression.
pub(crate) fn settings(protocol: Protocol, endpoint: &str) -> Settings {
    Settings {
        endpoint: endpoint.to_owned(),
        protocol,
        headers: Vec::new(),
        gzip: false,
        timeout: Duration::from_secs(20),
        retry_for: PATIENCE,
        certificate: None,
        client: None,
        queue_events: 1_000_000,
        arguments: egret_model::Arguments::default(),
        batch_spans: 512,
        batch_delay: Duration::from_millis(20),
        service_name: "egret".to_owned(),
        resource: Vec::new(),
    }
}

/// A running sink, which ends when it is dropped.
pub(crate) struct Running {
    pub(crate) sender: Sender,
    task: JoinHandle<()>,
}

impl Running {
    pub(crate) fn start(settings: &Settings) -> Self {
        let (sender, receiver) = queue("otlp", settings.queue_events);
        let sink = Sink::new(settings).unwrap();
        Self { sender, task: tokio::spawn(sink.run(receiver)) }
    }

    pub(crate) fn offer(&self, events: Vec<Event>) {
        self.sender.offer(&events.into());
    }

    pub(crate) fn account(&self) -> Account {
        self.sender.ledger().account()
    }

    /// Closes the queue, and waits for the end of the sink; its last account.
    pub(crate) async fn finish(self) -> Account {
        let ledger = self.sender.ledger().clone();
        drop(self.sender);
        tokio::time::timeout(PATIENCE, self.task).await.expect("the sink ends once its queue is closed").unwrap();
        balanced(ledger.account())
    }

    /// Aborts the sink.
    pub(crate) async fn abort(self) -> Account {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
        balanced(self.sender.ledger().account())
    }
}

/// An account at the end: nothing is queued, and it balances.
fn balanced(account: Account) -> Account {
    assert_eq!(account.queued, 0, "{account:?}");
    assert_eq!(account.enqueued, account.sent + account.dropped.total(), "{account:?}");
    account
}

/// Waits until `condition` holds; `what` describes it.
pub(crate) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let look = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, look).await.unwrap_or_else(|_| panic!("waited in vain for {what}"));
}

/// The spans that an accepting collector receives for these events.
pub(crate) async fn spans_of(protocol: Protocol, events: Vec<Event>) -> Vec<Span> {
    let collector = Collector::start(protocol, []);
    let sink = Running::start(&settings(protocol, collector.endpoint()));
    let offered = u64::try_from(events.len()).unwrap();
    sink.offer(events);
    let account = sink.finish().await;
    assert_eq!((account.sent, account.enqueued), (offered, offered), "{account:?}");
    collector.spans()
}

/// Sends events to a collector with these responses, with changed settings.
pub(crate) async fn exchange(
    protocol: Protocol,
    answers: impl IntoIterator<Item = Answer>,
    change: impl FnOnce(&mut Settings),
    events: Vec<Event>,
) -> (Account, Collector) {
    let collector = Collector::start(protocol, answers);
    let mut settings = settings(protocol, collector.endpoint());
    change(&mut settings);
    let sink = Running::start(&settings);
    sink.offer(events);
    (sink.finish().await, collector)
}
