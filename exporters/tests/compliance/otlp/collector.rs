//! A collector with a configurable condition, which records the connections that it received.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use egret_exporters::{names, otlp::Protocol};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::runtime::{Builder, Runtime};

use super::{grpc, http};
use crate::subject::Condition;

/// How long a slow collector takes for a request.
const SLOW: Duration = Duration::from_millis(100);

/// The state shared by all connections of a collector.
pub(super) struct Memory {
    condition: Mutex<Condition>,
    events: Mutex<Vec<u64>>,
}

impl Memory {
    /// Accepts a request after the delay of its condition.
    pub(super) async fn take(&self, request: ExportTraceServiceRequest) -> ExportTraceServiceResponse {
        let condition = *self.condition.lock().unwrap();
        match condition {
            Condition::Healthy | Condition::Dead => {}
            Condition::Slow => tokio::time::sleep(SLOW).await,
            Condition::Stuck => std::future::pending().await,
        }
        self.events.lock().unwrap().extend(events_of(request));
        ExportTraceServiceResponse::default()
    }
}

fn events_of(request: ExportTraceServiceRequest) -> impl Iterator<Item = u64> {
    let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    scopes.flat_map(|scope| scope.spans).filter(|span| span.parent_span_id.is_empty()).map(|root| number(&root))
}

/// The connection id begins with the number of the event.
fn number(root: &Span) -> u64 {
    let id = root.attributes.iter().find(|attribute| attribute.key == names::CONNECTION_ID).unwrap();
    let Some(Value::StringValue(id)) = &id.value.as_ref().unwrap().value else { panic!("{id:?} is no string") };
    u64::from_str_radix(id.split_once('-').unwrap().0, 16).unwrap()
}

/// A collector, or its address after it stopped.
pub(super) struct Collector {
    protocol: Protocol,
    address: SocketAddr,
    memory: Arc<Memory>,
    /// Dropping the runtime closes its connections.
    runtime: Option<Runtime>,
}

impl Collector {
    pub(super) fn new(protocol: Protocol, condition: Condition) -> Self {
        let memory = Arc::new(Memory { condition: Mutex::new(condition), events: Mutex::default() });
        let mut collector = Self { protocol, address: free_address(), memory, runtime: None };
        collector.set(condition);
        collector
    }

    pub(super) fn endpoint(&self) -> String {
        let path = if self.protocol == Protocol::Http { http::PATH } else { "" };
        format!("http://{}{path}", self.address)
    }

    pub(super) fn events(&self) -> Vec<u64> {
        self.memory.events.lock().unwrap().clone()
    }

    pub(super) fn set(&mut self, condition: Condition) {
        *self.memory.condition.lock().unwrap() = condition;
        if condition == Condition::Dead {
            self.stop();
        } else if self.runtime.is_none() {
            self.runtime = Some(self.serve());
        }
    }

    fn serve(&self) -> Runtime {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let entered = runtime.enter();
        let memory = Arc::clone(&self.memory);
        match self.protocol {
            Protocol::Grpc => grpc::serve(self.address, memory),
            Protocol::Http => http::serve(self.address, memory),
        }
        drop(entered);
        runtime
    }

    fn stop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(1));
        }
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.stop();
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}
