//! The collector over gRPC.

use std::net::SocketAddr;
use std::sync::Arc;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use tonic::codec::CompressionEncoding;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::{Answer, Script, partly};
use crate::tls::Keys;

struct Service(Arc<Script>);

#[tonic::async_trait]
impl TraceService for Service {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let (metadata, _, request) = request.into_parts();
        match self.0.hear(metadata.into_headers(), request) {
            None => Ok(Response::new(ExportTraceServiceResponse::default())),
            Some(Answer::Partial { rejected, message }) => Ok(Response::new(partly(rejected, message))),
            Some(Answer::Fail { code, wait: None, .. }) => Err(Status::new(code, "as configured")),
            Some(Answer::Fail { code, wait, .. }) => {
                Err(Status::with_error_details(code, "as configured", ErrorDetails::with_retry_info(wait)))
            }
            Some(Answer::Silence(time)) => {
                tokio::time::sleep(time).await;
                Ok(Response::new(ExportTraceServiceResponse::default()))
            }
        }
    }
}

/// Serves at `address` and returns the bound address.
pub(super) fn serve(address: SocketAddr, keys: Option<Keys>, script: Arc<Script>) -> SocketAddr {
    let incoming = TcpIncoming::bind(address).unwrap();
    let address = incoming.local_addr().unwrap();
    let service = TraceServiceServer::new(Service(script)).accept_compressed(CompressionEncoding::Gzip);
    let mut server = Server::builder();
    if let Some(keys) = keys {
        server = server.tls_config(tls_config(&keys)).unwrap();
    }
    tokio::spawn(server.add_service(service).serve_with_incoming(incoming));
    address
}

/// Only a client with a certificate of the same authority is served.
fn tls_config(keys: &Keys) -> ServerTlsConfig {
    let identity = Identity::from_pem(&keys.certificate, &keys.key);
    ServerTlsConfig::new().identity(identity).client_ca_root(Certificate::from_pem(&keys.authority))
}
