//! Log lines.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::config::{Config, LogFormat};

/// Levels by target.
///
/// # Errors
/// When the text is none.
pub(crate) fn filter(text: &str) -> Result<EnvFilter, ParseError> {
    EnvFilter::builder().parse(text)
}

/// Installs the subscriber: standard output, text or JSON.
pub(crate) fn install(config: &Config) {
    // The configuration has read this filter before.
    let filter = filter(&config.log_filter).unwrap_or_default();
    let base = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_span_events(FmtSpan::NONE);
    // A second installation is a test's; the first subscriber stays.
    let installed = match config.log_format {
        LogFormat::Text => base.with_target(false).try_init(),
        LogFormat::Json => base.json().flatten_event(true).try_init(),
    };
    drop(installed);
}
