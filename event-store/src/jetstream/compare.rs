//! What is different between the stream that is wanted and the one that is there.

use async_nats::jetstream::stream::{Compression, Config, PersistenceMode};
use serde_json::{Map, Value};

use super::config::ConnectError;

/// Fields that an operator may set as they like, with a warning: they change how much fits and how
/// safe it is, not what the log means.
const TOLERATED: [&str; 3] = ["max_bytes", "num_replicas", "placement"];

/// Fields that say nothing about behaviour; marks are checked on their own.
const IGNORED: [&str; 3] = ["description", "metadata", "template_owner"];

/// Differences, each as `field: found …, wanted …` with the names of `nats stream info --json`.
#[derive(Debug, Default)]
pub(super) struct Differences {
    pub(super) refused: Vec<String>,
    pub(super) tolerated: Vec<String>,
}

pub(super) fn compare(wanted: &Config, found: &Config) -> Differences {
    let (wanted_fields, found_fields) = (fields(wanted), fields(found));
    let mut names: Vec<_> = wanted_fields.keys().chain(found_fields.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let mut differences = Differences::default();
    for name in names {
        let value = |fields: &Map<String, Value>| fields.get(name).cloned().unwrap_or(Value::Null);
        let (wanted_value, found_value) = (value(&wanted_fields), value(&found_fields));
        if wanted_value == found_value || IGNORED.contains(&name.as_str()) {
            continue;
        }
        let text = format!("{name}: found {found_value}, wanted {wanted_value}");
        if TOLERATED.contains(&name.as_str()) {
            differences
                .tolerated
                .push(format!("stream {}: {text}", found.name));
        } else {
            differences.refused.push(text);
        }
    }
    differences
}

pub(super) fn refuse(stream: &str, refused: &[String]) -> Result<(), ConnectError> {
    if refused.is_empty() {
        return Ok(());
    }
    Err(ConnectError::misconfigured(format!(
        "stream {stream} is configured otherwise: {}; change it with `nats stream edit {stream}`, \
         or name another stream",
        refused.join("; ")
    )))
}

/// The fields of a configuration, with what servers write out for "not set" left out.
fn fields(config: &Config) -> Map<String, Value> {
    let mut config = config.clone();
    config.compression = config.compression.filter(|c| *c != Compression::None);
    config.persist_mode = config
        .persist_mode
        .filter(|m| *m != PersistenceMode::Default);
    config.first_sequence = config.first_sequence.filter(|first| *first > 1);
    match serde_json::to_value(&config) {
        Ok(Value::Object(fields)) => fields,
        Ok(_) | Err(_) => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> Config {
        Config {
            name: "ORDERS".to_owned(),
            deny_delete: true,
            max_bytes: 1,
            ..Config::default()
        }
    }

    #[test]
    fn what_the_server_fills_in_is_no_difference() {
        let found = Config {
            compression: Some(Compression::None),
            metadata: [("_nats.ver".to_owned(), "2.15.2".to_owned())].into(),
            ..stream()
        };
        let differences = compare(&stream(), &found);
        assert!(differences.refused.is_empty(), "{differences:?}");
        assert!(differences.tolerated.is_empty(), "{differences:?}");
    }

    #[test]
    fn differences_are_named() {
        let found = Config {
            deny_delete: false,
            max_bytes: 2,
            ..stream()
        };
        let differences = compare(&stream(), &found);
        assert_eq!(
            differences.refused,
            ["deny_delete: found null, wanted true"]
        );
        assert_eq!(
            differences.tolerated,
            ["stream ORDERS: max_bytes: found 2, wanted 1"]
        );
    }
}
