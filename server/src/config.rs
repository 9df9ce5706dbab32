//! Configuration: defaults, then a TOML file, then the environment, then flags.
//!
//! One table, [`SETTINGS`], lists every setting with its default and what it is for. Each value
//! keeps its origin, all errors are reported together, each with where it came from, and
//! `orders config show` prints the lot.

mod layers;
mod parse;
mod setting;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::telemetry;

pub(crate) use layers::{Layers, Origin, Sources};
pub(crate) use parse::duration;
pub(crate) use setting::SETTINGS;

/// NATS addresses as they may be shown: without the user and the password that they may hold.
pub(crate) fn without_credentials(urls: &str) -> String {
    let bare = |url: &str| match url.rsplit_once('@') {
        None => url.trim().to_owned(),
        Some((before, host)) => match before.split_once("://") {
            Some((scheme, _)) => format!("{}://{host}", scheme.trim()),
            None => host.to_owned(),
        },
    };
    urls.split(',').map(bare).collect::<Vec<_>>().join(",")
}

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Commands and queries.
    All,
    /// Commands only.
    Command,
    /// Projections and queries only.
    Query,
}

impl Role {
    pub(crate) const fn serves_commands(self) -> bool {
        matches!(self, Self::All | Self::Command)
    }

    pub(crate) const fn serves_queries(self) -> bool {
        matches!(self, Self::All | Self::Query)
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Command => "command",
            Self::Query => "query",
        }
    }
}

/// Everything that `orders serve` needs to know.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) role: Role,
    pub(crate) data_dir: PathBuf,
    pub(crate) node: String,
    pub(crate) grpc_listen: SocketAddr,
    pub(crate) grpc_reflection: bool,
    pub(crate) grpc_concurrency: usize,
    pub(crate) health_listen: SocketAddr,
    pub(crate) admin_listen: SocketAddr,
    pub(crate) nats: Option<NatsConfig>,
    pub(crate) cache_orders: usize,
    pub(crate) cache_bytes: usize,
    pub(crate) read_model_cache: u64,
    pub(crate) clock_grace: Duration,
    pub(crate) termination_delay: Duration,
    pub(crate) drain: Duration,
    pub(crate) stop: Duration,
    pub(crate) log_format: LogFormat,
    pub(crate) log_filter: String,
}

/// How to reach NATS, and what the stream is like.
#[derive(Clone, Debug)]
pub(crate) struct NatsConfig {
    pub(crate) url: String,
    pub(crate) stream: String,
    pub(crate) partitions: u32,
    pub(crate) replicas: usize,
    pub(crate) max_bytes: i64,
    pub(crate) create: bool,
    pub(crate) fsync: bool,
    pub(crate) credentials_file: Option<PathBuf>,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Secret>,
    pub(crate) token: Option<Secret>,
}

/// A value that is never printed.
#[derive(Clone)]
pub(crate) struct Secret(pub(crate) String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// One thing wrong with the configuration, and where it came from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) origin: String,
    pub(crate) text: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.origin, self.text)
    }
}

impl Config {
    /// Whether projections can be rebuilt over gRPC. Until a caller can be authenticated,
    /// administration stays on this machine.
    pub(crate) fn serves_administration(&self) -> bool {
        self.role.serves_queries() && self.grpc_listen.ip().is_loopback()
    }

    /// Reads every setting from the layers.
    ///
    /// # Errors
    /// All problems there are, not only the first.
    pub(crate) fn load(layers: &Layers, terminal: bool) -> Result<Self, Vec<Problem>> {
        let mut reader = parse::Reader::new(layers);
        let config = Self {
            role: reader.one_of(
                "role",
                &[
                    ("all", Role::All),
                    ("command", Role::Command),
                    ("query", Role::Query),
                ],
            ),
            data_dir: PathBuf::from(reader.text("data_dir")),
            node: reader.text("node"),
            grpc_listen: reader.address("grpc.listen"),
            grpc_reflection: reader.boolean("grpc.reflection"),
            grpc_concurrency: reader.number("grpc.concurrency", 1, 1_000_000),
            health_listen: reader.address("health.listen"),
            admin_listen: reader.address("admin.listen"),
            nats: nats(&mut reader),
            cache_orders: reader.number("cache.orders", 1, 100_000_000),
            cache_bytes: reader.size("cache.bytes"),
            read_model_cache: reader.size("read_model.cache"),
            clock_grace: reader.duration("deadlines.clock_grace"),
            termination_delay: termination_delay(&mut reader, layers, terminal),
            drain: reader.duration("shutdown.drain"),
            stop: reader.duration("shutdown.stop"),
            log_format: reader.one_of(
                "log.format",
                &[
                    (
                        "auto",
                        if terminal {
                            LogFormat::Text
                        } else {
                            LogFormat::Json
                        },
                    ),
                    ("text", LogFormat::Text),
                    ("json", LogFormat::Json),
                ],
            ),
            log_filter: reader.text("log.filter"),
        };
        if let Err(error) = telemetry::filter(&config.log_filter) {
            reader.problem("log.filter", &format!("cannot be read: {error}"));
        }
        if config.role != Role::All && config.nats.is_none() {
            let text = "must be all where nats.url is not set: command and query need a shared log";
            reader.problem("role", text);
        }
        reader.finish(config)
    }
}

fn nats(reader: &mut parse::Reader<'_>) -> Option<NatsConfig> {
    let config = NatsConfig {
        url: reader.text("nats.url"),
        stream: reader.text("nats.stream"),
        partitions: reader.number("nats.partitions", 1, 256),
        replicas: reader.one_of("nats.replicas", &[("1", 1), ("3", 3), ("5", 5)]),
        max_bytes: reader.size("nats.max_bytes"),
        create: reader.boolean("nats.create"),
        fsync: reader.one_of("nats.durability", &[("fsync", true), ("cache", false)]),
        credentials_file: reader.optional("nats.credentials_file").map(PathBuf::from),
        user: reader.optional("nats.user"),
        password: reader.optional("nats.password").map(Secret),
        token: reader.optional("nats.token").map(Secret),
    };
    match (&config.user, &config.password) {
        (Some(_), None) => reader.problem("nats.user", "needs nats.password beside it"),
        (None, Some(_)) => reader.problem("nats.password", "needs nats.user beside it"),
        (Some(_), Some(_)) | (None, None) => {}
    }
    (!config.url.is_empty()).then_some(config)
}

/// On a terminal nobody waits for load balancers, unless it was asked for.
fn termination_delay(reader: &mut parse::Reader<'_>, layers: &Layers, terminal: bool) -> Duration {
    let delay = reader.duration("shutdown.termination_delay");
    let asked = layers.origin("shutdown.termination_delay") != Origin::Default;
    if terminal && !asked {
        Duration::ZERO
    } else {
        delay
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(
        file: &str,
        env: &[(&str, &str)],
        flags: &[(&str, &str)],
    ) -> Result<Config, Vec<Problem>> {
        let sources = Sources {
            file: (!file.is_empty()).then(|| ("orders.toml".to_owned(), file.to_owned())),
            environment: env
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
            flags: flags
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
            sets: Vec::new(),
        };
        let (layers, problems) = Layers::read(sources);
        if problems.is_empty() {
            Config::load(&layers, false)
        } else {
            Err(problems)
        }
    }

    #[test]
    fn later_layers_win() {
        let file = "[grpc]\nlisten = \"127.0.0.1:1\"\n";
        let config = load(file, &[], &[]).expect("valid");
        assert_eq!(config.grpc_listen.port(), 1);
        let config = load(file, &[("ORDERS_GRPC__LISTEN", "127.0.0.1:2")], &[]).expect("valid");
        assert_eq!(config.grpc_listen.port(), 2);
        let config = load(
            file,
            &[("ORDERS_GRPC__LISTEN", "127.0.0.1:2")],
            &[("grpc.listen", "127.0.0.1:3")],
        )
        .expect("valid");
        assert_eq!(config.grpc_listen.port(), 3);
    }

    #[test]
    fn all_problems_are_reported_with_their_origin() {
        let problems = load(
            "[grpc]\nlisten = \"nowhere\"\nlistem = \"x\"\n",
            &[("ORDERS_NATS__PARTITIONS", "0")],
            &[("role", "king")],
        )
        .expect_err("invalid");
        let text: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(text.len(), 1, "an unknown key stops the load: {text:?}");
        assert!(
            text[0].starts_with("orders.toml:3: unknown setting grpc.listem"),
            "{text:?}"
        );
        assert!(text[0].ends_with("did you mean grpc.listen?"), "{text:?}");

        let problems = load(
            "[grpc]\nlisten = \"nowhere\"\n",
            &[("ORDERS_NATS__PARTITIONS", "0")],
            &[("role", "king")],
        )
        .expect_err("invalid");
        let text: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(text.len(), 3, "{text:?}");
        assert!(
            text.iter()
                .any(|p| p.starts_with("orders.toml:2: grpc.listen")),
            "{text:?}"
        );
        assert!(
            text.iter()
                .any(|p| p.starts_with("env ORDERS_NATS__PARTITIONS")),
            "{text:?}"
        );
        assert!(
            text.iter().any(|p| p.starts_with("flag --role")),
            "{text:?}"
        );
    }

    #[test]
    fn an_empty_variable_is_unset_and_port_sets_the_grpc_port() {
        let config = load("", &[("ORDERS_ROLE", ""), ("PORT", "7777")], &[]).expect("valid");
        assert_eq!(config.role, Role::All);
        assert_eq!(config.grpc_listen.port(), 7777);
    }

    #[test]
    fn a_setting_that_could_not_be_meant_is_a_problem() {
        for (name, value, text) in [
            ("nats.replicas", "2", "must be one of 1, 3, 5"),
            ("nats.user", "shop", "needs nats.password"),
            ("nats.password", "secret", "needs nats.user"),
            ("log.filter", "orders=loud", "cannot be read"),
        ] {
            let problems = load("", &[], &[(name, value)]).expect_err("invalid");
            let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
            assert!(told.len() == 1 && told[0].contains(text), "{told:?}");
            assert!(
                told[0].contains(name) && !told[0].contains("secret"),
                "{told:?}"
            );
        }
    }

    #[test]
    fn an_address_is_shown_without_what_it_proves() {
        let urls = "nats://shop:p@ss@one:4222, tls://token@two,three:4222";
        assert_eq!(
            without_credentials(urls),
            "nats://one:4222,tls://two,three:4222"
        );
    }

    #[test]
    fn the_client_s_variable_is_no_unknown_one() {
        let environment = [("ORDERS_ADDR", "x"), ("ORDERS_ADR", "x")];
        let (layers, _) = Layers::read(Sources {
            environment: environment
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .into(),
            ..Sources::default()
        });
        assert_eq!(layers.unknown_variables, ["ORDERS_ADR"]);
    }

    #[test]
    fn a_split_role_needs_a_shared_log() {
        let problems = load("", &[("ORDERS_ROLE", "query")], &[]).expect_err("invalid");
        assert!(problems[0].text.contains("nats.url"), "{problems:?}");
    }
}
