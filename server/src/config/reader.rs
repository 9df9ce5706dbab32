//! Text to typed values, collecting every problem.

use super::value::Value;
use super::{Layers, Problem};

/// Reads settings by name, and notes every value that does not parse.
pub(crate) struct Reader<'a> {
    layers: &'a Layers,
    problems: &'a mut Vec<Problem>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(layers: &'a Layers, problems: &'a mut Vec<Problem>) -> Self {
        Self { layers, problems }
    }

    pub(super) fn value<T: Value>(&mut self, name: &str) -> Option<T> {
        let text = self.layers.value(name);
        let value = T::parse(text);
        if value.is_none() {
            self.problem(name, &format!("must be {}", T::must_be(text)));
        }
        value
    }

    pub(super) fn problem(&mut self, name: &str, text: &str) {
        let origin = self.layers.origin(name);
        self.problems.push(origin.problem(format!("{name} {text}")));
    }
}
