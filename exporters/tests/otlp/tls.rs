//! TLS with generated certificates.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use egret_exporters::otlp::{ClientIdentity, Error, Settings, Sink};
use egret_exporters::sink::DropReason;
use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use tempfile::TempDir;
use tokio_rustls::rustls;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;

use crate::collector::Collector;
use crate::events;
use crate::running::{PROTOCOLS, Running, settings};

/// A certificate for `localhost`, its key, and the authority that signed it; PEM.
#[derive(Clone)]
pub(crate) struct Keys {
    pub(crate) authority: String,
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Keys {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();
        Self { authority: authority.pem(), certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// Only a client with a certificate of the same authority is served.
    pub(crate) fn server_config(&self) -> rustls::ServerConfig {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.authority.as_bytes()).unwrap()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let certificate = CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap();
        let builder = builder.unwrap().with_client_cert_verifier(verifier.build().unwrap());
        builder.with_single_cert(vec![certificate], key).unwrap()
    }

    fn write(&self) -> Files {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = directory.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        Files {
            authority: file("authority.pem", &self.authority),
            client: ClientIdentity {
                certificate: file("certificate.pem", &self.certificate),
                key: file("key.pem", &self.key),
            },
            _directory: directory,
        }
    }
}

struct Files {
    authority: PathBuf,
    client: ClientIdentity,
    _directory: TempDir,
}

fn anywhere() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

#[tokio::test]
async fn trusted_certificate_is_accepted() {
    let keys = Keys::new();
    let files = keys.write();
    for protocol in PROTOCOLS {
        let collector = Collector::start_at(protocol, anywhere(), Some(keys.clone()), []);
        let trusting = Settings {
            certificate: Some(files.authority.clone()),
            client: Some(files.client.clone()),
            ..settings(protocol, collector.endpoint())
        };
        let sink = Running::start(&trusting);
        sink.offer(vec![events::full_event()]);
        assert_eq!(sink.finish().await.sent, 1);
        assert_eq!(collector.heard().len(), 1);
    }
}

#[tokio::test]
async fn untrusted_collector_gets_nothing() {
    let keys = Keys::new();
    let another = Keys::new().write();
    for protocol in PROTOCOLS {
        let collector = Collector::start_at(protocol, anywhere(), Some(keys.clone()), []);
        let mistaken = Settings {
            certificate: Some(another.authority.clone()),
            client: Some(another.client.clone()),
            retry_for: Duration::ZERO,
            ..settings(protocol, collector.endpoint())
        };
        let sink = Running::start(&mistaken);
        sink.offer(vec![events::full_event()]);
        assert_eq!(sink.finish().await.dropped.get(DropReason::Unreachable), 1);
        assert!(collector.heard().is_empty());
    }
}

#[test]
fn unusable_certificates_are_reported() {
    let unusable = ["", "-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n"].map(|text| {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(&file, text).unwrap();
        file
    });
    for protocol in PROTOCOLS {
        let with = |certificate: &Path| Settings {
            certificate: Some(certificate.to_owned()),
            ..settings(protocol, "https://localhost:1")
        };
        let error = Sink::new(&with(Path::new("/nowhere/ca.pem"))).unwrap_err();
        assert!(matches!(&error, Error::File { path, .. } if path == Path::new("/nowhere/ca.pem")), "{error:?}");
        for file in &unusable {
            let error = Sink::new(&with(file.path())).unwrap_err();
            assert!(error.to_string().contains(file.path().to_str().unwrap()), "{error}");
        }
    }
}
