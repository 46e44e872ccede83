//! Shutdown of the sink.

use std::net::TcpListener;
use std::time::Duration;

use egret_exporters::otlp::Settings;
use egret_exporters::sink::DropReason;

use crate::collector::{Answer, Collector};
use crate::delivery::closes;
use crate::running::{PROTOCOLS, Running, settings, until};

#[tokio::test]
async fn closed_queue_is_sent_without_batch_delay() {
    for protocol in PROTOCOLS {
        let collector = Collector::start(protocol, []);
        let lonely = Settings { batch_delay: Duration::from_secs(3600), ..settings(protocol, collector.endpoint()) };
        let sink = Running::start(&lonely);
        sink.offer(closes(3));
        assert_eq!(sink.finish().await.sent, 3);
        assert_eq!(collector.spans().len(), 3);
    }
}

#[tokio::test]
async fn remaining_events_at_the_timeout_are_counted() {
    for protocol in PROTOCOLS {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let sink = Running::start(&settings(protocol, &format!("http://{address}")));
        sink.offer(closes(1000));
        let account = sink.abort().await;
        assert_eq!(account.dropped.get(DropReason::Shutdown), 1000);
    }
}

#[tokio::test]
async fn pending_request_is_not_counted_as_sent() {
    for protocol in PROTOCOLS {
        let collector = Collector::start(protocol, [Answer::Silence(Duration::from_secs(600))]);
        let sink = Running::start(&settings(protocol, collector.endpoint()));
        sink.offer(closes(5));
        until("the request", || collector.heard().len() == 1).await;
        assert_eq!(sink.abort().await.dropped.get(DropReason::Shutdown), 5);
    }
}
