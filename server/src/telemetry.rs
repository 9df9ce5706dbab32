//! Log lines.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::config::{Config, LogFormat};

/// Installs the subscriber: standard output, text or JSON. A filter that does not parse falls back
/// to `info`, and says so.
pub(crate) fn install(config: &Config) {
    let (filter, error) = match EnvFilter::try_new(&config.log_filter) {
        Ok(filter) => (filter, None),
        Err(error) => (EnvFilter::new("info"), Some(error)),
    };
    let base = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_span_events(FmtSpan::NONE);
    // A second installation is a test's; the first subscriber stays.
    let installed = match config.log_format {
        LogFormat::Text => base.with_target(false).try_init(),
        LogFormat::Json => base.json().flatten_event(true).try_init(),
    };
    if let Some(error) = error {
        tracing::warn!(%error, "log.filter cannot be read; levels from info on are shown");
    }
    drop(installed);
}
