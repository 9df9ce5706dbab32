//! How far long work has come: a bar on a terminal, a line every five seconds elsewhere.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;

/// Between two lines where there is no terminal.
const INTERVAL: Duration = Duration::from_secs(5);

/// Counts what is done and says so, on stderr.
pub(crate) struct Progress {
    bar: ProgressBar,
    unit: &'static str,
    lines: bool,
    last: Instant,
}

impl Progress {
    /// `unit` is what is counted, in the plural.
    pub(crate) fn new(total: u64, unit: &'static str, quiet: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let target = if quiet || !terminal {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let template = format!("{{bar:40}} {{pos}}/{{len}} {unit} {{per_sec}} ETA {{eta}}");
        let style = ProgressStyle::with_template(&template)
            .unwrap_or_else(|_invalid| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(Some(total), target).with_style(style);
        Self {
            bar,
            unit,
            lines: !quiet && !terminal,
            last: Instant::now(),
        }
    }

    /// One more is done.
    pub(crate) fn step(&mut self) {
        self.bar.inc(1);
        self.line();
    }

    /// So many are done, of so many.
    pub(crate) fn reach(&mut self, done: u64, total: u64) {
        self.bar.set_length(total);
        self.bar.set_position(done);
        self.line();
    }

    fn line(&mut self) {
        if self.lines && self.last.elapsed() >= INTERVAL {
            self.last = Instant::now();
            let (done, total) = (self.bar.position(), self.bar.length().unwrap_or(0));
            let (rate, eta) = (self.bar.per_sec(), self.bar.eta().as_secs());
            let unit = self.unit;
            crate::output::note(&format!("{done}/{total} {unit}, {rate:.0}/s, ETA {eta} s"));
        }
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
