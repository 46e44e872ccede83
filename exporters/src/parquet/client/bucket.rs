//! A bucket with S3's interface.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{ObjectStore, RetryConfig};

use crate::parquet::config::StartError;

/// Retries of a single request. An upload that fails in spite of them is retried as a whole, see `upload.rs`.
const RETRIES: usize = 2;
const RETRY_FOR: Duration = Duration::from_secs(10);

/// Where the store looks for credentials if the environment has none: the instance metadata of AWS
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html>).
const METADATA: &str = "169.254.169.254";
pub(crate) const NO_CREDENTIALS: &str = "no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";

/// Whether an error says that there are no credentials.
pub(crate) fn lacks_credentials(error: &object_store::Error) -> bool {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        if error.to_string().contains(METADATA) {
            return true;
        }
        next = error.source();
    }
    false
}

/// Opens the bucket of a URL; the second value is the prefix.
pub(crate) fn open(url: &str) -> Result<(Arc<dyn ObjectStore>, Path), StartError> {
    let rest = url.strip_prefix(super::BUCKET).ok_or_else(|| StartError::Url { url: url.to_owned() })?;
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        return Err(StartError::Url { url: url.to_owned() });
    }
    // Fails if a provider is installed already, which is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let retry = RetryConfig { max_retries: RETRIES, retry_timeout: RETRY_FOR, ..RetryConfig::default() };
    let store = AmazonS3Builder::from_env().with_bucket_name(bucket).with_retry(retry).build();
    let store = store.map_err(|error| StartError::Bucket { url: url.to_owned(), error })?;
    Ok((Arc::new(store), Path::from(prefix)))
}
