//! One line of the log: its parts, and how it looks.

use std::fmt::{Debug, Write as _};

use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Level, Metadata};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};

use crate::config::plain;

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// One JSON object.
    Json,
    /// Text for people.
    Plain,
    /// Text for people, with colours.
    Coloured,
}

/// Keys that every line has. A field of the same name gets a prefix.
const OWN_KEYS: [&str; 4] = ["timestamp", "level", "target", "message"];

/// Names and values, in the order in which they came; each name once.
#[derive(Default)]
pub(super) struct Fields {
    span: Option<&'static str>,
    message: String,
    values: Vec<(String, Value)>,
}

impl Fields {
    /// Of a span. A field `name` of a span `component` says which component that is, so it becomes
    /// the field `component`.
    pub(super) fn of_span(name: &'static str) -> Self {
        Self {
            span: Some(name),
            ..Self::default()
        }
    }

    pub(super) fn merge(&mut self, inner: &Self) {
        for (name, value) in &inner.values {
            self.insert(name.clone(), value.clone());
        }
    }

    fn insert(&mut self, name: String, value: Value) {
        match self.values.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.values.push((name, value)),
        }
    }

    fn keep(&mut self, field: &Field, value: Value) {
        let name = match (field.name(), self.span) {
            ("name", Some(span)) => span.to_owned(),
            (name, _) if OWN_KEYS.contains(&name) => format!("field_{name}"),
            (name, _) => name.trim_start_matches("r#").to_owned(),
        };
        self.insert(name, value);
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        let index = self.values.iter().position(|(known, _)| known == name)?;
        Some(self.values.remove(index).1)
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let text = format!("{value:?}");
        if field.name() == "message" && self.span.is_none() {
            self.message = text;
        } else {
            self.keep(field, text.into());
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" && self.span.is_none() {
            value.clone_into(&mut self.message);
        } else {
            self.keep(field, value.into());
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.keep(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.keep(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.keep(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.keep(field, value.into());
    }
}

/// Everything that a line says.
pub(super) struct Line {
    timestamp: String,
    level: Level,
    target: &'static str,
    fields: Fields,
}

impl Line {
    pub(super) fn new(metadata: &'static Metadata<'static>, fields: Fields) -> Self {
        let mut timestamp = String::new();
        // It writes into memory, which cannot fail.
        SystemTime
            .format_time(&mut Writer::new(&mut timestamp))
            .ok();
        Self {
            timestamp,
            level: *metadata.level(),
            target: metadata.target(),
            fields,
        }
    }

    pub(super) fn render(self, look: Look) -> String {
        let palette = match look {
            Look::Json => return self.json(),
            Look::Plain => Palette::NONE,
            Look::Coloured => Palette::of(self.level),
        };
        self.text(&palette)
    }

    fn json(self) -> String {
        let own = [
            ("timestamp".to_owned(), self.timestamp.into()),
            ("level".to_owned(), self.level.as_str().into()),
            ("message".to_owned(), self.fields.message.into()),
        ];
        let target = ("target".to_owned(), self.target.into());
        let all = own.into_iter().chain(self.fields.values).chain([target]);
        let pairs: Vec<String> = all
            .map(|(name, value)| format!("{}:{value}", Value::from(name)))
            .collect();
        format!("{{{}}}\n", pairs.join(","))
    }

    /// `2026-01-01T00:00:00Z  WARN log: retrying attempt=3 error="connection refused"`
    fn text(mut self, palette: &Palette) -> String {
        let Palette { dim, level, end } = palette;
        let mut line = format!(
            "{dim}{}{end} {level}{:>5}{end} ",
            self.timestamp, self.level
        );
        if let Some(component) = self.fields.take("component") {
            line.push_str(&bare(&component));
            line.push_str(": ");
        }
        line.push_str(&plain(&self.fields.message));
        for (name, value) in &self.fields.values {
            // Into memory as well.
            write!(line, " {dim}{name}={end}{}", bare(value)).ok();
        }
        line.push('\n');
        line
    }
}

/// A value without quotes where it is one word.
fn bare(value: &Value) -> String {
    match value {
        Value::String(text) if is_a_word(text) => text.clone(),
        Value::String(text) => format!("{text:?}"),
        other => other.to_string(),
    }
}

fn is_a_word(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| !c.is_whitespace() && !c.is_control() && c != '"')
}

/// Escape sequences of a terminal.
struct Palette {
    dim: &'static str,
    level: &'static str,
    end: &'static str,
}

impl Palette {
    const NONE: Self = Self {
        dim: "",
        level: "",
        end: "",
    };

    fn of(level: Level) -> Self {
        let level = match level {
            Level::ERROR => "\x1b[31m",
            Level::WARN => "\x1b[33m",
            Level::INFO => "\x1b[32m",
            _of_developers => "\x1b[34m",
        };
        Self {
            dim: "\x1b[2m",
            level,
            end: "\x1b[0m",
        }
    }
}
