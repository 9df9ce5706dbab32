//! How far long work is: a bar on a terminal, otherwise a line every five seconds.

use std::fmt::Write;
use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use tokio::time::Instant;

use crate::number::{per_second, thousands};
use crate::output;

/// Between two lines where there is no terminal.
const INTERVAL: Duration = Duration::from_secs(5);

/// Counts what is done and shows it on standard error.
pub(crate) struct Progress {
    bar: ProgressBar,
    unit: &'static str,
    lines: bool,
    last: Instant,
}

impl Progress {
    /// Counts up to a total; `unit` is what is counted, in the plural.
    pub(crate) fn counting(total: u64, unit: &'static str, quiet: bool) -> Self {
        let template =
            format!("{{bar:40}} {{human_pos}}/{{human_len}} {unit}, {{rate}}, ETA {{eta}}");
        Self::new(Some(total), unit, quiet, &template)
    }

    /// Shows counts and rates that somebody else measures.
    pub(crate) fn following(unit: &'static str, quiet: bool) -> Self {
        let template = format!("{{bar:40}} {{human_pos}}/{{human_len}} {unit}, {{msg}}");
        Self::new(None, unit, quiet, &template)
    }

    fn new(total: Option<u64>, unit: &'static str, quiet: bool, template: &str) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let target = if quiet || !terminal {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let bar = ProgressBar::with_draw_target(total, target).with_style(style(template));
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
        self.line(self.bar.per_sec(), Some(self.bar.eta()));
    }

    /// So many are done, of so many, at this rate; `left` is the time that remains, once known.
    pub(crate) fn reach(&mut self, done: u64, total: u64, rate: f64, left: Option<Duration>) {
        self.bar.set_length(total);
        self.bar.set_position(done);
        self.bar.set_message(speed(rate, left));
        self.line(rate, left);
    }

    fn line(&mut self, rate: f64, left: Option<Duration>) {
        if self.lines && self.last.elapsed() >= INTERVAL {
            self.last = Instant::now();
            let (done, total) = (self.bar.position(), self.bar.length().unwrap_or(0));
            output::note(&line([done, total], self.unit, rate, left));
        }
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

fn line([done, total]: [u64; 2], unit: &str, rate: f64, left: Option<Duration>) -> String {
    let [done, total] = [done, total].map(thousands);
    format!("{done}/{total} {unit}, {}", speed(rate, left))
}

fn speed(rate: f64, left: Option<Duration>) -> String {
    let rate = per_second(rate);
    match left {
        Some(left) => format!("{rate}, ETA {} s", left.as_secs()),
        None => rate,
    }
}

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template);
    let style = style.unwrap_or_else(|_invalid| ProgressStyle::default_bar());
    style.with_key("rate", |state: &ProgressState, out: &mut dyn Write| {
        // The bar is drawn again in a moment.
        out.write_str(&per_second(state.per_sec()))
            .unwrap_or_default();
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_done_total_rate_and_what_is_left() {
        let text = line(
            [12_345, 103_582],
            "steps",
            1527.9,
            Some(Duration::from_secs(60)),
        );
        assert_eq!(text, "12,345/103,582 steps, 1,528/s, ETA 60 s");
    }
}
