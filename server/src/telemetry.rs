//! Log lines: on standard output, for people or for machines. Panics are log lines too.

mod line;
mod lines;
#[cfg(test)]
mod tests;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::ffi::OsStr;
use std::io::{IsTerminal as _, Write as _};
use std::panic::PanicHookInfo;

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{Filter, LogFormat};
use line::Look;
use lines::Lines;

/// Whether the log is read on a terminal.
pub(crate) fn is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// From here on everything that the process says is a log line on standard output.
pub(crate) fn install(format: LogFormat, filter: &Filter) {
    let no_color = std::env::var_os("NO_COLOR");
    let look = Look::of(format, is_terminal(), no_color.as_deref());
    // The configuration has read this filter before.
    let levels = filter.levels().unwrap_or_default();
    let lines = Lines::new(look, |line| {
        // A log that nobody reads any more is no reason to stop.
        drop(std::io::stdout().lock().write_all(line.as_bytes()));
    });
    let installed = tracing_subscriber::registry()
        .with(levels)
        .with(lines)
        .try_init();
    // A second installation is a test's; the first subscriber stays.
    drop(installed);
    std::panic::set_hook(Box::new(log_panic));
}

impl Look {
    /// `NO_COLOR` asks every program for text without colours, when it is not empty.
    fn of(format: LogFormat, terminal: bool, no_color: Option<&OsStr>) -> Self {
        let colourless = no_color.is_some_and(|value| !value.is_empty());
        match format {
            LogFormat::Json => Self::Json,
            LogFormat::Text if terminal && !colourless => Self::Coloured,
            LogFormat::Text => Self::Plain,
        }
    }
}

fn log_panic(info: &PanicHookInfo<'_>) {
    let backtrace = Backtrace::capture();
    let captured = backtrace.status() == BacktraceStatus::Captured;
    tracing::error!(
        panic = info
            .payload_as_str()
            .unwrap_or("a payload that is not text"),
        place = info.location().map(ToString::to_string),
        thread = std::thread::current().name(),
        backtrace = captured.then(|| backtrace.to_string()),
        "panicked"
    );
}
