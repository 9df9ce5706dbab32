//! Names of generations: `<engine>-<fold>-<n>`.

use std::fmt;

/// The name of a generation, taken apart. It becomes a path, so nothing else passes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    /// First, so that names sort by age.
    pub(super) n: u64,
    fold: u32,
    engine: String,
}

impl Name {
    pub(super) fn new(engine: &str, fold: u32, n: u64) -> Self {
        let engine = engine.to_owned();
        Self { n, fold, engine }
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        let mut parts = name.split('-');
        let engine = parts.next()?.to_owned();
        let is_word = !engine.is_empty() && engine.bytes().all(|byte| byte.is_ascii_lowercase());
        let (fold, n) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let parsed = Self { n, fold, engine };
        // Leading zeros and signs would be second names of the same generation.
        (is_word && parts.next().is_none() && parsed.to_string() == name).then_some(parsed)
    }

    pub(super) fn is_of(&self, engine: &str, fold: u32) -> bool {
        self.engine == engine && self.fold == fold
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.engine, self.fold, self.n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_is_a_name() {
        let name = Name::new("sled", 3, 12);
        assert_eq!(Name::parse("sled-3-12"), Some(name));
        for text in [
            "",
            "sled",
            "sled-3",
            "sled-3-12-1",
            "../x-1-1",
            "sled-03-1",
            "sled-+3-1",
            "Sled-1-1",
            "-1-1",
            "sled-3-x",
        ] {
            assert_eq!(Name::parse(text), None, "{text}");
        }
    }
}
