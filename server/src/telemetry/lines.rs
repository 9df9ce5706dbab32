//! Events of `tracing`, with the fields of the spans around them, as lines.

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::line::{Fields, Line, Look};

/// Writes one line for every event.
pub(super) struct Lines {
    look: Look,
    write: Box<dyn Fn(&str) + Send + Sync>,
}

impl Lines {
    /// `write` is called with one line at a time, its end included.
    pub(super) fn new(look: Look, write: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self {
            look,
            write: Box::new(write),
        }
    }
}

impl<S> Layer<S> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::of_span(span.name());
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    /// What the event says wins over what its spans say, and an inner span over an outer one.
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        let spans = context.event_scope(event).into_iter();
        for span in spans.flat_map(tracing_subscriber::registry::Scope::from_root) {
            if let Some(inner) = span.extensions().get::<Fields>() {
                fields.merge(inner);
            }
        }
        event.record(&mut fields);
        (self.write)(&Line::new(event.metadata(), fields).render(self.look));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    /// The lines that `work` logs.
    fn logged(look: Look, work: impl FnOnce()) -> Vec<String> {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&lines);
        let layer = Lines::new(look, move |line| {
            kept.lock().expect("a list").push(line.to_owned());
        });
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), work);
        lines.lock().expect("a list").clone()
    }

    fn parsed(work: impl FnOnce()) -> serde_json::Value {
        let lines = logged(Look::Json, work);
        let [line] = &lines[..] else {
            panic!("one line, not {lines:?}");
        };
        assert!(
            line.ends_with('\n') && line.matches('\n').count() == 1,
            "{line:?}"
        );
        for key in ["component", "name", "level"] {
            assert!(line.matches(&format!("\"{key}\":")).count() <= 1, "{line}");
        }
        serde_json::from_str(line).expect("JSON")
    }

    #[test]
    fn a_component_is_named_once_per_line() {
        let line = parsed(|| {
            let span = tracing::info_span!("component", name = "log");
            span.in_scope(|| tracing::info!(component = "log", lag_ms = 3, "open"));
        });
        assert_eq!(line["component"], "log");
        assert_eq!(line["lag_ms"], 3);
        assert_eq!(line["message"], "open");
        assert!(
            line.get("name").is_none() && line.get("span").is_none(),
            "{line}"
        );
        let text = logged(Look::Plain, || {
            let span = tracing::info_span!("component", name = "log");
            span.in_scope(|| tracing::info!(component = "log", lag_ms = 3, "open"));
        });
        assert!(text[0].ends_with("INFO log: open lag_ms=3\n"), "{text:?}");
    }

    #[test]
    fn an_inner_span_and_the_event_win() {
        let line = parsed(|| {
            let outer = tracing::info_span!("outer", a = 1, b = 1, c = 1);
            let _outer = outer.enter();
            let inner = tracing::info_span!("inner", b = 2, c = 2, d = tracing::field::Empty);
            inner.record("d", 4);
            let _inner = inner.enter();
            tracing::info!(c = 3, "told");
        });
        let of = |key: &str| line[key].as_i64();
        assert_eq!([of("a"), of("b"), of("c"), of("d")], [1, 2, 3, 4].map(Some));
    }

    #[test]
    fn a_field_cannot_pass_for_the_level_or_forge_a_line() {
        let evil = "x\n2026-01-01T00:00:00Z ERROR forged \u{1b}[31m\"";
        let line = parsed(|| tracing::warn!(level = "INFO", evil, "{evil}"));
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["field_level"], "INFO");
        assert_eq!(line["evil"], evil);
        assert_eq!(line["message"], evil);
        let text = logged(Look::Plain, || tracing::warn!(evil, "{evil}"));
        assert_eq!(text[0].matches('\n').count(), 1, "{text:?}");
        assert!(!text[0].contains('\u{1b}'), "{text:?}");
    }

    #[test]
    fn only_a_coloured_line_has_colours() {
        let work = || tracing::error!("it failed");
        assert!(logged(Look::Coloured, work)[0].contains('\u{1b}'));
        assert!(!logged(Look::Plain, work)[0].contains('\u{1b}'));
        assert!(!logged(Look::Json, work)[0].contains('\u{1b}'));
    }
}
