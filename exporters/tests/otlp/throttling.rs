//! A collector that throttles requests.

use std::time::Duration;

use egret_exporters::otlp::{Protocol, Settings};
use egret_exporters::sink::DropReason;
use tonic::Code;

use crate::collector::Answer;
use crate::delivery::closes;
use crate::running::{PROTOCOLS, exchange};

fn busy(code: Code, wait: u64) -> Answer {
    Answer::Fail { code, status: 503, wait: Some(Duration::from_secs(wait)) }
}

#[tokio::test]
async fn retry_after_is_respected() {
    for protocol in PROTOCOLS {
        let (account, collector) = exchange(protocol, [busy(Code::Unavailable, 2)], |_| {}, closes(3)).await;
        assert_eq!(account.sent, 3);
        let heard = collector.heard();
        let waited = heard[1].at - heard[0].at;
        assert!(waited >= Duration::from_secs(2), "{waited:?}");
    }
}

#[tokio::test]
async fn resource_exhausted_is_retried_with_retry_info_only() {
    let answers = [busy(Code::ResourceExhausted, 1)];
    let (account, collector) = exchange(Protocol::Grpc, answers, |_| {}, closes(3)).await;
    assert_eq!((account.sent, collector.heard().len()), (3, 2));
}

#[tokio::test]
async fn retry_after_beyond_the_limit_drops_spans() {
    for protocol in PROTOCOLS {
        let short = |settings: &mut Settings| settings.retry_for = Duration::from_millis(200);
        let (account, collector) = exchange(protocol, [busy(Code::Unavailable, 3600)], short, closes(3)).await;
        assert_eq!(account.dropped.get(DropReason::Unreachable), 3);
        assert_eq!(collector.heard().len(), 1);
    }
}

#[tokio::test]
async fn next_request_waits_too() {
    let change = |settings: &mut Settings| {
        settings.retry_for = Duration::from_secs(1);
        settings.batch_spans = 2;
    };
    let (account, collector) = exchange(Protocol::Http, [busy(Code::Unavailable, 2)], change, closes(6)).await;
    // The first request is dropped after one second; the second or the third may be sent after two.
    assert_eq!(account.sent + account.dropped.get(DropReason::Unreachable), 6);
    assert!(account.sent >= 2, "{account:?}");
    let heard = collector.heard();
    assert!(heard[1].at - heard[0].at >= Duration::from_secs(2));
}
