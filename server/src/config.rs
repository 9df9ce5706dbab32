//! Configuration: defaults, then a TOML file, then the environment, then flags.
//!
//! ```text
//!  source: file, environment, flags ─▶ layers: text, origin ─▶ reader, value: types ─▶ Config
//!                                            setting: the table of all settings
//! ```
//!
//! Each value keeps its origin. All errors are reported together, each with where it came from.

mod command;
mod layers;
mod reader;
#[cfg(test)]
mod reference;
mod setting;
mod show;
mod source;
#[cfg(test)]
mod tests;
mod value;

use std::time::Duration;

pub(crate) use command::run;
pub(crate) use layers::Layers;
use reader::Reader;
pub(crate) use setting::Nats;
use setting::{Admin, Cache, Deadlines, Grpc, Health, Logging, Process, ReadModel, Shutdown};
use value::{Auto, Value};
pub(crate) use value::{Filter, LogFormat, Role, Secret};

use crate::cli::Settings;

/// Everything that `orders serve` needs to know.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) process: Process,
    pub(crate) log: Log,
    pub(crate) grpc: Grpc,
    pub(crate) health: Health,
    pub(crate) admin: Admin,
    pub(crate) cache: Cache,
    pub(crate) read_model: ReadModel,
    pub(crate) deadlines: Deadlines,
    pub(crate) shutdown: Shutdown,
    pub(crate) logging: Logging,
}

/// Where the events are.
#[derive(Clone, Debug)]
pub(crate) enum Log {
    /// In the data directory of this process.
    Embedded,
    /// In a stream of NATS JetStream that several processes share.
    Nats(Box<Nats>),
}

/// One thing wrong with the configuration, and where it came from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) origin: String,
    pub(crate) text: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.origin, plain(&self.text))
    }
}

/// What was read, whether or not it is valid.
pub(crate) struct Loaded {
    pub(crate) layers: Layers,
    pub(crate) config: Result<Config, Vec<Problem>>,
}

/// Reads the configuration of `orders serve`.
pub(crate) fn load(given: &Settings) -> Loaded {
    let mut problems = Vec::new();
    let sources = source::Sources::read(given, &mut problems);
    Loaded::from(sources, problems)
}

impl Loaded {
    fn from(sources: source::Sources, mut problems: Vec<Problem>) -> Self {
        let layers = Layers::read(sources, &mut problems);
        let config = Config::read(&mut Reader::new(&layers, &mut problems));
        let config = match config {
            Some(config) if problems.is_empty() => Ok(config),
            _with_problems => Err(problems),
        };
        Self { layers, config }
    }

    /// How to log, also about a configuration that is not valid.
    pub(crate) fn log_format(&self, terminal: bool) -> LogFormat {
        let set = self.layers.value("log.format");
        let format = match &self.config {
            Ok(config) => Some(config.logging.format),
            Err(_) => Value::parse(set),
        };
        let usual = if terminal {
            LogFormat::Text
        } else {
            LogFormat::Json
        };
        format.unwrap_or(Auto::Auto).or(usual)
    }
}

impl Config {
    /// Every section is read before a problem in one of them ends the reading.
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let (process, nats) = (Process::read(reader), Nats::read(reader));
        let (grpc, health, admin) = (
            Grpc::read(reader),
            Health::read(reader),
            Admin::read(reader),
        );
        let (cache, read_model) = (Cache::read(reader), ReadModel::read(reader));
        let (deadlines, shutdown) = (Deadlines::read(reader), Shutdown::read(reader));
        let logging = Logging::read(reader);
        let log = nats.map(|nats| Log::read(nats, reader));
        if let (Some(process), Some(Log::Embedded)) = (&process, &log)
            && process.role != Role::All
        {
            let text = "must be all where nats.url is not set: command and query need a shared log";
            reader.problem("role", text);
        }
        Some(Self {
            process: process?,
            log: log?,
            grpc: grpc?,
            health: health?,
            admin: admin?,
            cache: cache?,
            read_model: read_model?,
            deadlines: deadlines?,
            shutdown: shutdown?,
            logging: logging?,
        })
    }

    /// Whether the read model can be rebuilt and verified over gRPC. Until a caller can be authenticated,
    /// administration stays on this machine.
    pub(crate) fn serves_administration(&self) -> bool {
        self.process.role.serves_queries() && self.grpc.listen.ip().is_loopback()
    }
}

impl Log {
    fn read(nats: Nats, reader: &mut Reader<'_>) -> Self {
        match (&nats.user, &nats.password) {
            (Some(_), None) => reader.problem("nats.user", "needs nats.password beside it"),
            (None, Some(_)) => reader.problem("nats.password", "needs nats.user beside it"),
            (Some(_), Some(_)) | (None, None) => {}
        }
        let proofs = [
            nats.credentials_file.is_some(),
            nats.token.is_some(),
            nats.user.is_some(),
        ];
        if proofs.into_iter().filter(|given| *given).count() > 1 {
            let text = "is one of several credentials: keep one of nats.credentials_file, \
                        nats.token and nats.user";
            let first = if proofs[0] {
                "nats.credentials_file"
            } else {
                "nats.token"
            };
            reader.problem(first, text);
        }
        if nats.url.0.is_empty() {
            Self::Embedded
        } else {
            Self::Nats(Box::new(nats))
        }
    }
}

impl Shutdown {
    /// On a terminal nobody waits for load balancers, unless a setting says so.
    pub(crate) fn delay(&self, terminal: bool) -> Duration {
        let usual = if terminal {
            Duration::ZERO
        } else {
            Duration::from_secs(5)
        };
        self.termination_delay.or(usual)
    }
}

/// Text from outside as one printable line: control characters are escaped.
pub(crate) fn plain(text: &str) -> String {
    let escape = |c: char| -> String {
        if c.is_control() {
            c.escape_default().collect()
        } else {
            c.into()
        }
    };
    text.chars().map(escape).collect()
}
