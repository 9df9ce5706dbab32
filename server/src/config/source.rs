//! What was found outside of the process: the file, the environment, the flags.
//!
//! This is the only place that reads the environment for the service.

use std::path::Path;

use super::Problem;
use crate::cli::Settings;

/// The text of the file, the environment, and the flags that were given.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// Name and text of the configuration file.
    pub(crate) file: Option<(String, String)>,
    /// The whole environment, as far as it is text.
    pub(crate) environment: Vec<(String, String)>,
    /// Setting name and value of every flag.
    pub(crate) flags: Vec<(String, String)>,
    /// Setting name and value of every `--set`.
    pub(crate) sets: Vec<(String, String)>,
}

impl Sources {
    pub(super) fn read(given: &Settings, problems: &mut Vec<Problem>) -> Self {
        Self {
            file: given
                .config
                .as_deref()
                .and_then(|path| file(path, problems)),
            environment: environment(problems),
            flags: flags(given),
            sets: given
                .set
                .iter()
                .filter_map(|set| assignment(set, problems))
                .collect(),
        }
    }
}

fn file(path: &Path, problems: &mut Vec<Problem>) -> Option<(String, String)> {
    let name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => Some((name, text)),
        Err(error) => {
            problems.push(Problem {
                origin: "flag --config".to_owned(),
                text: format!("failed to read {name}: {error}"),
            });
            None
        }
    }
}

/// Non-UTF-8 values are problems for `ORDERS_…` variables and ignored otherwise.
fn environment(problems: &mut Vec<Problem>) -> Vec<(String, String)> {
    let mut readable = Vec::new();
    for (name, value) in std::env::vars_os() {
        let Ok(name) = name.into_string() else {
            continue;
        };
        match value.into_string() {
            Ok(value) => readable.push((name, value)),
            Err(_) if name.starts_with("ORDERS_") => problems.push(Problem {
                origin: format!("env {name}"),
                text: "is not UTF-8".to_owned(),
            }),
            Err(_) => {}
        }
    }
    readable
}

fn flags(given: &Settings) -> Vec<(String, String)> {
    let flags = [("role", &given.role), ("data_dir", &given.data_dir)];
    let given = flags.map(|(name, value)| Some((name.to_owned(), value.clone()?)));
    given.into_iter().flatten().collect()
}

fn assignment(set: &str, problems: &mut Vec<Problem>) -> Option<(String, String)> {
    let pair = set.split_once('=');
    if pair.is_none() {
        problems.push(Problem {
            origin: "flag --set".to_owned(),
            text: format!("{set:?} is not NAME=VALUE, such as log.format=json"),
        });
    }
    pair.map(|(name, value)| (name.to_owned(), value.to_owned()))
}
