//! Work that may block: scans of the read model.

use crate::failure::Failure;

/// Runs a scan on a thread where blocking is fine.
pub(crate) async fn blocking<T, E>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, Failure>
where
    T: Send + 'static,
    E: Into<Failure> + Send + 'static,
{
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(Failure::internal)?.map_err(Into::into)
}
