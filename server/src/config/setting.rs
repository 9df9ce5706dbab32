//! Every setting there is.

/// One setting.
pub(crate) struct Setting {
    /// Dotted name; `nats.url` is `ORDERS_NATS__URL` in the environment.
    pub(crate) name: &'static str,
    /// Value when nothing sets it; empty: none.
    pub(crate) default: &'static str,
    /// What it is for, one line.
    pub(crate) about: &'static str,
    /// Never printed, and also read from the file that `<NAME>_FILE` names.
    pub(crate) secret: bool,
}

const fn setting(name: &'static str, default: &'static str, about: &'static str) -> Setting {
    Setting {
        name,
        default,
        about,
        secret: false,
    }
}

const fn secret(name: &'static str, about: &'static str) -> Setting {
    Setting {
        name,
        default: "",
        about,
        secret: true,
    }
}

/// Every setting there is.
pub(crate) const SETTINGS: &[Setting] = &[
    setting(
        "role",
        "all",
        "what this process does: all, command or query",
    ),
    setting(
        "data_dir",
        "./data",
        "directory of the embedded log, the keys and the read model",
    ),
    setting(
        "node",
        "",
        "name of this node in consumers and status; default: host name and process id",
    ),
    setting(
        "grpc.listen",
        "127.0.0.1:50051",
        "address of the gRPC services",
    ),
    setting(
        "grpc.reflection",
        "true",
        "serve gRPC reflection, v1 and v1alpha",
    ),
    setting(
        "grpc.concurrency",
        "4096",
        "requests in flight before the server sheds load",
    ),
    setting(
        "health.listen",
        "127.0.0.1:50052",
        "address of the gRPC health service alone",
    ),
    setting(
        "admin.listen",
        "127.0.0.1:9090",
        "address of probes and metrics over HTTP",
    ),
    setting(
        "nats.url",
        "",
        "NATS servers, comma separated; empty: the embedded log",
    ),
    setting("nats.stream", "ORDERS", "name of the JetStream stream"),
    setting(
        "nats.partitions",
        "1",
        "number of partitions; fixed when the stream is made",
    ),
    setting("nats.replicas", "1", "copies of the stream: 1, 3 or 5"),
    setting(
        "nats.max_bytes",
        "10GiB",
        "size at which the stream refuses writes",
    ),
    setting("nats.create", "true", "make the stream when it is missing"),
    setting(
        "nats.durability",
        "cache",
        "what the server's sync_interval is: fsync (always) or cache",
    ),
    setting(
        "nats.credentials_file",
        "",
        "path of a NATS credentials file",
    ),
    setting("nats.user", "", "NATS user"),
    secret("nats.password", "NATS password"),
    secret("nats.token", "NATS token"),
    setting(
        "cache.orders",
        "50000",
        "orders whose state the command side keeps in memory",
    ),
    setting("cache.bytes", "64MiB", "memory for those states"),
    setting(
        "read_model.cache",
        "64MiB",
        "memory for sled's page cache, per projection",
    ),
    setting(
        "deadlines.clock_grace",
        "2m",
        "how long the clock must run steadily before unpaid orders are cancelled by it",
    ),
    setting(
        "shutdown.termination_delay",
        "5s",
        "how long to go on serving after SIGTERM; 0s on a terminal",
    ),
    setting(
        "shutdown.drain",
        "10s",
        "how long requests in flight may take at a stop",
    ),
    setting("shutdown.stop", "10s", "how long stores may take to close"),
    setting(
        "log.format",
        "auto",
        "text, json, or auto: text on a terminal",
    ),
    setting(
        "log.filter",
        "info",
        "levels by target, as RUST_LOG says them",
    ),
];
