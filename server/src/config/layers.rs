//! Where values come from.

use std::collections::BTreeMap;
use std::fmt;

use toml::de::{DeTable, DeValue};

use super::{Problem, SETTINGS};

/// Where the client subcommands find the service; no setting of it.
const CLIENT_VARIABLE: &str = "ORDERS_ADDR";

/// What was found outside: the text of the file, the environment, the flags that were given.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// Name and text of the configuration file.
    pub(crate) file: Option<(String, String)>,
    /// The whole environment.
    pub(crate) environment: Vec<(String, String)>,
    /// Setting name and value of every flag.
    pub(crate) flags: Vec<(String, String)>,
    /// Setting name and value of every `--set`.
    pub(crate) sets: Vec<(String, String)>,
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Default,
    File { name: String, line: usize },
    Environment { variable: String },
    Flag { name: String },
    Set { name: String },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { name, line } => write!(f, "{name}:{line}"),
            Self::Environment { variable } => write!(f, "env {variable}"),
            Self::Flag { name } => write!(f, "flag --{name}"),
            Self::Set { name } => write!(f, "flag --set {name}"),
        }
    }
}

/// The value of every setting, with its origin.
#[derive(Debug)]
pub(crate) struct Layers {
    values: BTreeMap<&'static str, (String, Origin)>,
    /// Variables that look like ours and are not.
    pub(crate) unknown_variables: Vec<String>,
}

impl Layers {
    /// Lays the sources over one another. Problems are unknown settings and unreadable files.
    pub(crate) fn read(sources: Sources) -> (Self, Vec<Problem>) {
        let values = SETTINGS
            .iter()
            .map(|setting| (setting.name, (setting.default.to_owned(), Origin::Default)))
            .collect();
        let mut layers = Self {
            values,
            unknown_variables: Vec::new(),
        };
        let mut problems = Vec::new();
        if let Some((name, text)) = sources.file {
            layers.read_file(&name, &text, &mut problems);
        }
        layers.read_environment(sources.environment, &mut problems);
        for (name, value) in sources.flags {
            let flag = name.replace('_', "-");
            layers.set(&name, value, Origin::Flag { name: flag }, &mut problems);
        }
        for (name, value) in sources.sets {
            let origin = Origin::Set { name: name.clone() };
            layers.set(&name, value, origin, &mut problems);
        }
        (layers, problems)
    }

    pub(crate) fn value(&self, name: &str) -> &str {
        self.values.get(name).map_or("", |(value, _)| value)
    }

    pub(crate) fn origin(&self, name: &str) -> Origin {
        self.values
            .get(name)
            .map_or(Origin::Default, |(_, origin)| origin.clone())
    }

    fn set(&mut self, name: &str, value: String, origin: Origin, problems: &mut Vec<Problem>) {
        match SETTINGS.iter().find(|setting| setting.name == name) {
            Some(setting) => {
                self.values.insert(setting.name, (value, origin));
            }
            None => problems.push(unknown(name, &origin)),
        }
    }

    fn read_file(&mut self, file: &str, text: &str, problems: &mut Vec<Problem>) {
        let table = match DeTable::parse(text) {
            Ok(table) => table,
            Err(error) => {
                let line = error.span().map_or(1, |span| line_of(text, span.start));
                problems.push(Problem {
                    origin: format!("{file}:{line}"),
                    text: format!("not TOML: {}", error.message()),
                });
                return;
            }
        };
        self.read_table(file, text, "", table.get_ref(), problems);
    }

    fn read_table(
        &mut self,
        file: &str,
        text: &str,
        prefix: &str,
        table: &DeTable<'_>,
        problems: &mut Vec<Problem>,
    ) {
        for (key, value) in table {
            let name = format!("{prefix}{}", key.get_ref());
            let origin = Origin::File {
                name: file.to_owned(),
                line: line_of(text, key.span().start),
            };
            let plain = match value.get_ref() {
                DeValue::Table(inner) => {
                    self.read_table(file, text, &format!("{name}."), inner, problems);
                    continue;
                }
                DeValue::String(string) => string.to_string(),
                DeValue::Integer(integer) => integer.to_string(),
                DeValue::Boolean(boolean) => boolean.to_string(),
                DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Array(_) => {
                    problems.push(Problem {
                        origin: origin.to_string(),
                        text: format!("{name} must be a string, an integer or a boolean"),
                    });
                    continue;
                }
            };
            self.set(&name, plain, origin, problems);
        }
    }

    fn read_environment(
        &mut self,
        environment: Vec<(String, String)>,
        problems: &mut Vec<Problem>,
    ) {
        for (variable, value) in environment {
            if value.is_empty() {
                continue;
            }
            if variable == "PORT" {
                let origin = Origin::Environment { variable };
                let host = self
                    .value("grpc.listen")
                    .rsplit_once(':')
                    .map_or("127.0.0.1", |(h, _)| h);
                let address = format!("{host}:{value}");
                self.set("grpc.listen", address, origin, problems);
            } else if variable == "RUST_LOG" {
                self.set(
                    "log.filter",
                    value,
                    Origin::Environment { variable },
                    problems,
                );
            } else if let Some(name) = variable.strip_prefix("ORDERS_") {
                self.read_variable(&variable, name, value, problems);
            }
        }
    }

    /// Kubernetes injects variables such as `ORDERS_PORT_50051_TCP`, so an unknown one is a warning.
    fn read_variable(
        &mut self,
        variable: &str,
        name: &str,
        value: String,
        problems: &mut Vec<Problem>,
    ) {
        let origin = Origin::Environment {
            variable: variable.to_owned(),
        };
        let dotted = name.to_ascii_lowercase().replace("__", ".");
        let known = |name: &str| SETTINGS.iter().find(|setting| setting.name == name);
        if known(&dotted).is_some() {
            self.set(&dotted, value, origin, problems);
        } else if let Some(base) = dotted
            .strip_suffix("_file")
            .filter(|base| known(base).is_some_and(|s| s.secret))
        {
            match std::fs::read_to_string(&value) {
                Ok(text) => self.set(base, text.trim_end().to_owned(), origin, problems),
                Err(error) => problems.push(Problem {
                    origin: origin.to_string(),
                    text: format!("{value} cannot be read: {error}"),
                }),
            }
        } else if variable != CLIENT_VARIABLE {
            self.unknown_variables.push(variable.to_owned());
        }
    }
}

fn unknown(name: &str, origin: &Origin) -> Problem {
    let nearest = SETTINGS
        .iter()
        .map(|setting| {
            (
                strsim::damerau_levenshtein(setting.name, name),
                setting.name,
            )
        })
        .min()
        .filter(|(distance, _)| *distance <= 3);
    let hint = nearest.map_or_else(
        || "; `orders config show` lists all".to_owned(),
        |(_, known)| format!("; did you mean {known}?"),
    );
    Problem {
        origin: origin.to_string(),
        text: format!("unknown setting {name}{hint}"),
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.get(..offset)
        .map_or(1, |before| before.matches('\n').count() + 1)
}
