//! Reads certificates and keys.

use std::fs;
use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::otlp::{Error, Settings};

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Certificates and keys, PEM.
pub(super) struct Files {
    /// Trusted instead of the system's certificates.
    pub(super) certificate: Option<Vec<u8>>,
    /// The certificate of this client and its key.
    pub(super) client: Option<(Vec<u8>, Vec<u8>)>,
}

impl Files {
    pub(super) fn read(settings: &Settings) -> Result<Self, Error> {
        let certificate = settings.certificate.as_deref().map(read).transpose()?;
        if let Some(pem) = &certificate {
            check(pem).map_err(|source| refused(settings, source))?;
        }
        let client = match &settings.client {
            Some(client) => Some((read(&client.certificate)?, read(&client.key)?)),
            None => None,
        };
        Ok(Self { certificate, client })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|source| Error::File { path: path.to_owned(), source })
}

/// Checks certificates at the start: both transports ignore unusable ones, and connections would fail later.
fn check(pem: &[u8]) -> Result<(), Cause> {
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        store.add(certificate?)?;
    }
    if store.is_empty() { Err("there is no certificate in it".into()) } else { Ok(()) }
}

/// An error that names the files.
pub(super) fn refused(settings: &Settings, source: impl Into<Cause>) -> Error {
    let client = settings.client.iter().flat_map(|client| [&client.certificate, &client.key]);
    let mut files: Vec<_> = settings.certificate.iter().chain(client).map(|path| path.display().to_string()).collect();
    if settings.certificate.is_none() {
        files.insert(0, "the system's certificates".to_owned());
    }
    Error::Tls { endpoint: settings.endpoint.clone(), files, source: source.into() }
}
