//! Values of the API's enums as words: `ORDER_STATE_PARTIALLY_SHIPPED` is `partially-shipped`.

use clap::builder::{PossibleValuesParser, TypedValueParser};

/// The values of an enum of the API but for UNSPECIFIED, as words: `partially-shipped`.
pub(crate) fn choice<E>(name: fn(&E) -> &'static str) -> impl TypedValueParser<Value = E>
where
    E: TryFrom<i32> + Copy + Send + Sync + 'static,
{
    let zero = E::try_from(0).ok();
    let prefix = zero.map_or("", |zero| name(&zero).trim_end_matches("UNSPECIFIED"));
    let values: Vec<(String, E)> = (1..)
        .map_while(|number| E::try_from(number).ok())
        .map(|value| (word(name(&value), prefix), value))
        .collect();
    let words: Vec<String> = values.iter().map(|(word, _)| word.clone()).collect();
    PossibleValuesParser::new(words).try_map(move |chosen| {
        let mut values = values.iter();
        let found = values.find(|(word, _)| *word == chosen);
        found.map(|(_, value)| *value).ok_or("no such value")
    })
}

/// A value of an enum of the API as a word: `ORDER_STATE_DRAFT` is `draft`.
pub(crate) fn word(name: &str, prefix: &str) -> String {
    name.trim_start_matches(prefix)
        .to_ascii_lowercase()
        .replace('_', "-")
}
