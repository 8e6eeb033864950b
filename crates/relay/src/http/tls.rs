//! Certificates from files.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::config::Http;

/// What the configuration names; `None` when it names nothing.
///
/// # Errors
/// With the file and what is wrong with it.
pub(crate) fn acceptor(http: &Http) -> anyhow::Result<Option<TlsAcceptor>> {
    if http.tls_certificate.is_empty() {
        return Ok(None);
    }
    let certificates = certificates(Path::new(&http.tls_certificate))?;
    let key = PrivateKeyDer::from_pem_file(&http.tls_key)
        .with_context(|| format!("http.tls_key: {} has no private key in PEM", http.tls_key))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .context("http.tls_certificate and http.tls_key do not belong together")?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

fn certificates(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let wrong = || format!("http.tls_certificate: {} has no certificate in PEM", path.display());
    let read: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(path).with_context(wrong)?.collect();
    let certificates = read.with_context(wrong)?;
    anyhow::ensure!(!certificates.is_empty(), wrong());
    Ok(certificates)
}
