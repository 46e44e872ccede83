//! The collector over gRPC.

use std::net::SocketAddr;
use std::sync::Arc;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use super::collector::Memory;

/// More spans than one request of the sink.
const LONGEST: usize = 16 << 20;

struct Service(Arc<Memory>);

#[tonic::async_trait]
impl TraceService for Service {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        Ok(Response::new(self.0.take(request.into_inner()).await))
    }
}

pub(super) fn serve(address: SocketAddr, memory: Arc<Memory>) {
    let incoming = TcpIncoming::bind(address).unwrap();
    let service = TraceServiceServer::new(Service(memory)).max_decoding_message_size(LONGEST);
    tokio::spawn(Server::builder().add_service(service).serve_with_incoming(incoming));
}
