//! Where values come from: defaults, then the file, then the environment, then flags.

use std::collections::BTreeMap;
use std::fmt;

use toml::de::{DeTable, DeValue};

use super::setting::{SETTINGS, Setting};
use super::source::Sources;
use super::{Problem, plain};

/// Variables of the client subcommands, which are no settings of the service.
const CLIENT_VARIABLES: [&str; 1] = ["ORDERS_ADDR"];

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
            Self::File { name, line } => write!(f, "{}:{line}", plain(name)),
            Self::Environment { variable } => write!(f, "env {}", plain(variable)),
            Self::Flag { name } => write!(f, "flag --{}", plain(name)),
            Self::Set { name } => write!(f, "flag --set {}", plain(name)),
        }
    }
}

/// The value of every setting, with its origin.
#[derive(Debug)]
pub(crate) struct Layers {
    values: BTreeMap<&'static str, (String, Origin)>,
    /// Variables that begin with `ORDERS_` and are no settings.
    pub(crate) unknown_variables: Vec<String>,
}

impl Layers {
    /// Lays the sources over one another. Unknown settings and unreadable files are problems.
    pub(super) fn read(sources: Sources, problems: &mut Vec<Problem>) -> Self {
        let values = SETTINGS
            .iter()
            .map(|setting| (setting.name, (setting.default.to_owned(), Origin::Default)))
            .collect();
        let mut layers = Self {
            values,
            unknown_variables: Vec::new(),
        };
        if let Some((name, text)) = sources.file {
            layers.read_file(&name, &text, problems);
        }
        layers.read_environment(sources.environment, problems);
        for (name, value) in sources.flags {
            let flag = name.replace('_', "-");
            layers.set(&name, value, Origin::Flag { name: flag }, problems);
        }
        for (name, value) in sources.sets {
            let origin = Origin::Set { name: name.clone() };
            layers.set(&name, value, origin, problems);
        }
        layers
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
        match Setting::find(name) {
            Some(setting) => {
                self.values.insert(setting.name, (value, origin));
            }
            None => problems.push(unknown(name, &origin)),
        }
    }

    fn read_file(&mut self, file: &str, text: &str, problems: &mut Vec<Problem>) {
        match DeTable::parse(text) {
            Ok(table) => self.read_table((file, text), "", table.get_ref(), problems),
            Err(error) => {
                let origin = Origin::File {
                    name: file.to_owned(),
                    line: error.span().map_or(1, |span| line_of(text, span.start)),
                };
                problems.push(origin.problem(format!("not TOML: {}", error.message())));
            }
        }
    }

    fn read_table(
        &mut self,
        (file, text): (&str, &str),
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
            let value = match value.get_ref() {
                DeValue::Table(inner) => {
                    self.read_table((file, text), &format!("{name}."), inner, problems);
                    continue;
                }
                DeValue::String(string) => string.to_string(),
                DeValue::Integer(integer) => integer.to_string(),
                DeValue::Boolean(boolean) => boolean.to_string(),
                DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Array(_) => {
                    let text = "must be a string, an integer or a boolean";
                    problems.push(origin.problem(format!("{name} {text}")));
                    continue;
                }
            };
            self.set(&name, value, origin, problems);
        }
    }

    /// `PORT` and `RUST_LOG` belong to everybody; our own variables win over them.
    fn read_environment(
        &mut self,
        mut environment: Vec<(String, String)>,
        problems: &mut Vec<Problem>,
    ) {
        environment.retain(|(_, value)| !value.is_empty());
        for (variable, value) in &environment {
            let (name, value) = match variable.as_str() {
                "PORT" => ("grpc.listen", self.with_port(value)),
                "RUST_LOG" => ("log.filter", value.clone()),
                _ours_or_not_for_us => continue,
            };
            let variable = variable.clone();
            self.set(name, value, Origin::Environment { variable }, problems);
        }
        for (variable, value) in environment {
            if let Some(name) = variable.strip_prefix("ORDERS_") {
                let dotted = name.to_ascii_lowercase().replace("__", ".");
                self.read_variable(variable, &dotted, value, problems);
            }
        }
    }

    /// The address of the gRPC services with another port.
    fn with_port(&self, port: &str) -> String {
        let address = self.value("grpc.listen").rsplit_once(':');
        format!("{}:{port}", address.map_or("127.0.0.1", |(host, _)| host))
    }

    /// Kubernetes injects variables such as `ORDERS_PORT_50051_TCP`: an unknown one is no problem.
    fn read_variable(
        &mut self,
        variable: String,
        name: &str,
        value: String,
        problems: &mut Vec<Problem>,
    ) {
        let of_a_file = name.strip_suffix("_file").and_then(Setting::find);
        let setting = Setting::find(name);
        let Some(setting) = setting.or(of_a_file.filter(|setting| setting.secret)) else {
            if !CLIENT_VARIABLES.contains(&variable.as_str()) {
                self.unknown_variables.push(variable);
            }
            return;
        };
        let before = self.origin(setting.name);
        let origin = Origin::Environment { variable };
        if setting.secret && matches!(before, Origin::Environment { .. }) {
            problems.push(origin.problem(format!("{before} is set as well; keep one of them")));
        }
        if setting.name == name {
            self.set(name, value, origin, problems);
            return;
        }
        match std::fs::read_to_string(&value) {
            Ok(text) => self.set(setting.name, text.trim_end().to_owned(), origin, problems),
            Err(error) => problems.push(origin.problem(format!("failed to read {value}: {error}"))),
        }
    }
}

impl Origin {
    pub(super) fn problem(&self, text: String) -> Problem {
        Problem {
            origin: self.to_string(),
            text,
        }
    }
}

fn unknown(name: &str, origin: &Origin) -> Problem {
    let distance = |setting: &Setting| strsim::damerau_levenshtein(setting.name, name);
    let nearest = SETTINGS
        .iter()
        .map(|setting| (distance(setting), setting.name))
        .min()
        .filter(|(distance, _)| *distance <= 3);
    let hint = nearest.map_or_else(
        || "; `orders config show` lists all".to_owned(),
        |(_, known)| format!("; did you mean {known}?"),
    );
    origin.problem(format!("unknown setting {name}{hint}"))
}

fn line_of(text: &str, offset: usize) -> usize {
    text.get(..offset)
        .map_or(1, |before| before.matches('\n').count() + 1)
}
