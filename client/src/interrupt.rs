//! Ctrl-C while the service works and the client only follows.

/// Ends when the user presses Ctrl-C; never when the system cannot tell.
pub(crate) async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}
