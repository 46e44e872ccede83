//! A bucket with S3's interface.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{ObjectStore, RetryConfig};

use super::super::error::StartError;

/// A request is tried again a little; an upload that fails all the same is tried again as a whole, see `upload.rs`.
const RETRIES: usize = 2;
const RETRY_FOR: Duration = Duration::from_secs(10);

/// The bucket and the prefix that a URL names.
pub(in crate::parquet) fn open(url: &str) -> Result<(Arc<dyn ObjectStore>, Path), StartError> {
    let rest = url.strip_prefix(super::BUCKET).ok_or_else(|| StartError::Url { url: url.to_owned() })?;
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        return Err(StartError::Url { url: url.to_owned() });
    }
    // Fails only if there is a provider already, and then that one will do.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let retry = RetryConfig { max_retries: RETRIES, retry_timeout: RETRY_FOR, ..RetryConfig::default() };
    let store = AmazonS3Builder::from_env().with_bucket_name(bucket).with_retry(retry).build();
    let store = store.map_err(|error| StartError::Bucket { url: url.to_owned(), error })?;
    Ok((Arc::new(store), Path::from(prefix)))
}
