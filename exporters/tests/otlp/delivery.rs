//! Delivery of requests, and the account.

use std::net::TcpListener;
use std::time::Duration;

use egret_exporters::otlp::{Error, Protocol, Settings, Sink};
use egret_exporters::sink::DropReason;
use egret_model::{ConnectionId, Event, EventName};
use prost::Message;
use tonic::Code;

use crate::collector::{Answer, Collector, spans_of};
use crate::events::full_event;
use crate::running::{PROTOCOLS, Running, exchange, settings, until};

/// Connections with one span each, and different ids.
pub(crate) fn closes(count: u64) -> Vec<Event> {
    let close = |socket| Event { id: ConnectionId { socket, opened: 1 }, inbound: true, server: None, ..full_event() };
    (1..=count).map(close).collect()
}

fn failing(code: Code, status: u16) -> Answer {
    Answer::Fail { code, status, wait: None }
}

#[tokio::test]
async fn spans_arrive_once_in_requests_of_limited_size() {
    for protocol in PROTOCOLS {
        let (account, collector) = exchange(protocol, [], |settings| settings.batch_spans = 100, closes(1050)).await;
        assert_eq!(account.sent, 1050);
        let sizes: Vec<_> = collector.heard().into_iter().map(|heard| spans_of(heard.request).len()).collect();
        assert_eq!(sizes, [vec![100; 10], vec![50]].concat(), "{protocol:?}");
        let mut ids: Vec<_> = collector.spans().into_iter().map(|span| span.trace_id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 1050);
    }
}

#[tokio::test]
async fn request_size_is_limited() {
    let (account, collector) =
        exchange(Protocol::Grpc, [], |settings| settings.batch_spans = 100_000, closes(9000)).await;
    assert_eq!(account.sent, 9000);
    let lengths: Vec<_> = collector.heard().iter().map(|heard| heard.request.encoded_len()).collect();
    assert!(lengths.len() > 1 && lengths.iter().all(|length| *length <= 4 * 1024 * 1024), "{lengths:?}");
}

#[tokio::test]
async fn incomplete_batch_is_sent_after_the_batch_delay() {
    let collector = Collector::start(Protocol::Grpc, []);
    let sink = Running::start(&settings(Protocol::Grpc, collector.endpoint()));
    sink.offer(closes(1));
    until("the only span", || collector.heard().len() == 1).await;
    until("its acknowledgement", || sink.account().sent == 1).await;
    sink.finish().await;
}

#[tokio::test]
async fn headers_and_compression_are_as_configured() {
    for protocol in PROTOCOLS {
        let change = |settings: &mut Settings| {
            settings.gzip = true;
            settings.headers = vec![("Authorization".into(), "Bearer secret".into()), ("x-tenant".into(), "a".into())];
        };
        let (account, collector) = exchange(protocol, [], change, closes(3)).await;
        assert_eq!((account.sent, collector.spans().len()), (3, 3));
        let headers = collector.heard().remove(0).headers;
        assert_eq!(headers["authorization"], "Bearer secret");
        assert_eq!(headers["x-tenant"], "a");
        assert!(headers["user-agent"].to_str().unwrap().starts_with("OTel-OTLP-Exporter-egret/"));
        let encoding = if protocol == Protocol::Grpc { "grpc-encoding" } else { "content-encoding" };
        assert_eq!(headers[encoding], "gzip");
    }
}

#[tokio::test]
async fn retried_request_is_unchanged() {
    for protocol in PROTOCOLS {
        let answers =
            [failing(Code::Unavailable, 503), failing(Code::DeadlineExceeded, 502), failing(Code::Aborted, 429)];
        let (account, collector) = exchange(protocol, answers, |_| {}, closes(3)).await;
        assert_eq!(account.sent, 3);
        let heard = collector.heard();
        assert_eq!(heard.len(), 4);
        assert!(heard.iter().all(|again| again.request == heard[0].request));
    }
}

#[tokio::test]
async fn permanent_failures_are_not_retried() {
    let refusals = [
        (Code::InvalidArgument, 400),
        (Code::Unauthenticated, 401),
        (Code::Internal, 500),
        (Code::ResourceExhausted, 413),
        (Code::Unknown, 302),
    ];
    for protocol in PROTOCOLS {
        for (code, status) in refusals {
            let (account, collector) = exchange(protocol, [failing(code, status)], |_| {}, closes(3)).await;
            assert_eq!(account.dropped.get(DropReason::Rejected), 3, "{protocol:?} {code:?} {status}");
            assert_eq!(collector.heard().len(), 1, "{protocol:?} {code:?} {status}");
        }
    }
}

#[tokio::test]
async fn rejected_request_does_not_affect_the_next() {
    let answers = [failing(Code::InvalidArgument, 400)];
    let (account, _) = exchange(Protocol::Http, answers, |settings| settings.batch_spans = 2, closes(5)).await;
    assert_eq!((account.dropped.get(DropReason::Rejected), account.sent), (2, 3));
}

#[tokio::test]
async fn rejected_spans_are_counted_and_not_sent_again() {
    for protocol in PROTOCOLS {
        let answers = [Answer::Partial { rejected: 2, message: "too old" }];
        let (account, collector) = exchange(protocol, answers, |_| {}, closes(5)).await;
        assert_eq!((account.sent, account.dropped.get(DropReason::Rejected)), (3, 2));
        assert_eq!(collector.heard().len(), 1);
    }
}

#[tokio::test]
async fn rejected_spans_are_limited_to_the_request() {
    for rejected in [5, 6, i64::MAX] {
        let answers = [Answer::Partial { rejected, message: "no" }];
        let (account, _) = exchange(Protocol::Grpc, answers, |_| {}, closes(5)).await;
        assert_eq!((account.sent, account.dropped.get(DropReason::Rejected)), (0, 5));
    }
    let answers = [Answer::Partial { rejected: -1, message: "nonsense" }];
    let (account, _) = exchange(Protocol::Grpc, answers, |_| {}, closes(5)).await;
    assert_eq!(account.sent, 5);
}

#[tokio::test]
async fn warning_is_not_a_rejection() {
    let answers = [Answer::Partial { rejected: 0, message: "think of upgrading" }];
    let (account, _) = exchange(Protocol::Http, answers, |_| {}, closes(5)).await;
    assert_eq!(account.sent, 5);
}

#[tokio::test]
async fn request_is_retried_after_its_timeout() {
    for protocol in PROTOCOLS {
        let answers = [Answer::Silence(Duration::from_secs(600))];
        let impatient = |settings: &mut Settings| settings.timeout = Duration::from_secs(2);
        let (account, collector) = exchange(protocol, answers, impatient, closes(3)).await;
        assert_eq!((account.sent, collector.heard().len()), (3, 2));
    }
}

#[tokio::test]
async fn events_wait_for_a_collector_that_is_not_started() {
    for protocol in PROTOCOLS {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let path = if protocol == Protocol::Http { "/v1/traces" } else { "" };
        let sink = Running::start(&settings(protocol, &format!("http://{address}{path}")));
        sink.offer(closes(700));
        until("the first attempt", || sink.account().queued == 700).await;
        let collector = Collector::start_at(protocol, address, None, []);
        assert_eq!(sink.finish().await.sent, 700);
        assert_eq!(collector.spans().len(), 700);
    }
}

#[tokio::test]
async fn events_wait_for_a_restarting_collector() {
    for protocol in PROTOCOLS {
        let first = Collector::start(protocol, []);
        let address = first.endpoint().split('/').nth(2).unwrap().parse().unwrap();
        let sink = Running::start(&settings(protocol, first.endpoint()));
        sink.offer(closes(10));
        until("the first spans", || sink.account().sent == 10).await;
        drop(first);
        sink.offer(closes(20));
        let second = until_it_starts(protocol, address).await;
        assert_eq!(sink.finish().await.sent, 30, "{protocol:?}");
        assert_eq!(second.spans().len(), 20, "{protocol:?}");
    }
}

/// The port of the old collector is free once its runtime has ended.
async fn until_it_starts(protocol: Protocol, address: std::net::SocketAddr) -> Collector {
    until("a free port", || TcpListener::bind(address).is_ok()).await;
    Collector::start_at(protocol, address, None, [])
}

#[tokio::test]
async fn unreachable_collector_drops_events_beyond_queue_and_retry_limit() {
    for protocol in PROTOCOLS {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let limited = Settings {
            queue_events: 50,
            batch_spans: 10,
            retry_for: Duration::from_secs(2),
            ..settings(protocol, &format!("http://{address}"))
        };
        let sink = Running::start(&limited);
        for _ in 0..10 {
            sink.offer(closes(10));
        }
        let account = sink.account();
        let full = account.dropped.get(DropReason::QueueFull);
        // The sink may have dequeued a batch or two meanwhile.
        assert!((20..=50).contains(&full), "{account:?}");
        until("the first to be dropped", || sink.account().dropped.get(DropReason::Unreachable) >= 10).await;
        let account = sink.abort().await;
        assert_eq!(account.enqueued, 100);
        assert_eq!(account.sent, 0);
    }
}

#[test]
fn unusable_endpoint_is_reported() {
    for (protocol, endpoint) in [(Protocol::Grpc, "not an address"), (Protocol::Http, "not an address")] {
        let error = Sink::new(&settings(protocol, endpoint)).unwrap_err();
        assert!(matches!(&error, Error::Endpoint { endpoint, .. } if endpoint == "not an address"), "{error:?}");
    }
}

#[test]
fn invalid_header_is_reported_without_its_value() {
    for protocol in PROTOCOLS {
        let headers = vec![("x-key".to_owned(), "secret\n".to_owned())];
        let error = Sink::new(&Settings { headers, ..settings(protocol, "http://localhost:1") }).unwrap_err();
        assert!(matches!(&error, Error::Header { name, .. } if name == "x-key"), "{error:?}");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
}

#[tokio::test]
async fn events_without_spans_are_reported_at_once() {
    let listen = Event { name: EventName::Listen, ..full_event() };
    let (account, collector) = exchange(Protocol::Grpc, [], |_| {}, vec![listen; 3]).await;
    assert_eq!((account.sent, collector.heard().len()), (3, 0));
}
