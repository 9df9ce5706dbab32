//! How far an import has come: a bar on a terminal, a line every five seconds elsewhere.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;

/// Between two lines where there is no terminal.
const INTERVAL: Duration = Duration::from_secs(5);

/// Counts steps and says so.
pub(crate) struct Progress {
    bar: ProgressBar,
    lines: bool,
    last: Instant,
}

impl Progress {
    pub(crate) fn new(total: u64, quiet: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let target = if quiet || !terminal {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let template = "{bar:40} {pos}/{len} {per_sec} ETA {eta}";
        let style = ProgressStyle::with_template(template)
            .unwrap_or_else(|_invalid| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(Some(total), target).with_style(style);
        Self {
            bar,
            lines: !quiet && !terminal,
            last: Instant::now(),
        }
    }

    pub(crate) fn step(&mut self) {
        self.bar.inc(1);
        if self.lines && self.last.elapsed() >= INTERVAL {
            self.last = Instant::now();
            let (done, total) = (self.bar.position(), self.bar.length().unwrap_or(0));
            let (rate, eta) = (self.bar.per_sec(), self.bar.eta().as_secs());
            crate::output::note(&format!("{done}/{total} steps, {rate:.0}/s, ETA {eta} s"));
        }
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
