//! The table of all settings: name, type, default and explanation of each stand here, and nowhere
//! else.
//!
//! The structs that the service reads, `orders config show`, validation and `docs/settings.md` all
//! come from it. A setting that nothing reads is a field that nothing reads, which the compiler
//! reports.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use event_store::Durability;

use super::Reader;
use super::value::{
    Auto, Filter, LogFormat, NatsUrls, Number, Replicas, Role, Secret, Size, StreamName, Value,
};

/// One setting.
pub(crate) struct Setting {
    /// Dotted name; `nats.url` is `ORDERS_NATS__URL` in the environment.
    pub(crate) name: &'static str,
    /// Value when nothing sets it; empty: none.
    pub(crate) default: &'static str,
    /// What it is for, one line.
    about: &'static str,
    /// Never printed, and also read from the file that `<NAME>_FILE` names.
    pub(crate) secret: bool,
    /// A value as it may be printed.
    pub(crate) show: fn(&str) -> String,
    /// What a value looks like, for the page of the docs.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "a test compares the page with it")
    )]
    pub(crate) expected: fn() -> String,
}

impl Setting {
    const fn new<T: Value>(name: &'static str, about: &'static str, default: &'static str) -> Self {
        Self {
            name,
            default,
            about,
            secret: T::SECRET,
            show: T::show,
            expected: T::expected,
        }
    }

    pub(crate) fn find(name: &str) -> Option<&'static Self> {
        SETTINGS.iter().find(|setting| setting.name == name)
    }

    pub(crate) fn about(&self) -> &'static str {
        self.about.trim_start()
    }
}

/// `/// explanation`, then `name: Type = "default",`. A section's name comes before its settings'.
macro_rules! settings {
    ($(
        $(#[doc = $section_about:literal])+
        $section:ident $prefix:literal {
            $( #[doc = $about:literal] $name:ident: $type:ty = $default:literal, )+
        }
    )+) => {
        $(
            $(#[doc = $section_about])+
            #[derive(Clone, Debug)]
            pub(crate) struct $section {
                $( #[doc = $about] pub(crate) $name: $type, )+
            }

            impl $section {
                /// `None`: a problem was noted. All settings are read before that is said.
                pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
                    $( let $name = reader.value::<$type>(concat!($prefix, stringify!($name))); )+
                    Some(Self { $( $name: $name?, )+ })
                }
            }
        )+

        /// Every setting there is.
        pub(crate) const SETTINGS: &[Setting] = &[
            $( $( Setting::new::<$type>(concat!($prefix, stringify!($name)), $about, $default), )+ )+
        ];
    };
}

settings! {
    /// The process as a whole.
    Process "" {
        /// what this process does: all, command or query
        role: Role = "all",
        /// directory of the embedded log, the keys and the read model
        data_dir: PathBuf = "./data",
        /// name of this node in NATS consumers; empty: host name and process id
        node: String = "",
    }

    /// The gRPC services.
    Grpc "grpc." {
        /// address of the gRPC services
        listen: SocketAddr = "127.0.0.1:50051",
        /// serve gRPC reflection, v1 and v1alpha
        reflection: bool = "true",
        /// requests in flight before the server sheds load
        concurrency: Number<1, 1_000_000> = "4096",
    }

    /// Health over gRPC, on a port of its own.
    Health "health." {
        /// address of the gRPC health service alone
        listen: SocketAddr = "127.0.0.1:50052",
    }

    /// Probes and metrics over HTTP.
    Admin "admin." {
        /// address of probes and metrics over HTTP
        listen: SocketAddr = "127.0.0.1:9090",
    }

    /// How to reach NATS, and what the stream is like.
    Nats "nats." {
        /// NATS servers, separated by commas; empty: the embedded log
        url: NatsUrls = "",
        /// name of the JetStream stream
        stream: StreamName = "ORDERS",
        /// number of partitions; fixed when the stream is created
        partitions: Number<1, 256> = "1",
        /// copies of the stream: 1, 3 or 5
        replicas: Replicas = "1",
        /// size at which the stream refuses writes
        max_bytes: Size = "4GiB",
        /// create the stream when it is missing
        create: bool = "true",
        /// what the servers sync before they acknowledge: fsync with `sync_interval: always`, else cache
        durability: Durability = "cache",
        /// path of a NATS credentials file
        credentials_file: Option<PathBuf> = "",
        /// NATS user
        user: Option<String> = "",
        /// NATS password
        password: Option<Secret> = "",
        /// NATS token
        token: Option<Secret> = "",
    }

    /// States of orders that the command side keeps in memory.
    Cache "cache." {
        /// orders whose state the command side keeps in memory
        orders: Number<1, 100_000_000> = "50000",
        /// memory for those states
        bytes: Size = "64MiB",
    }

    /// The read model.
    ReadModel "read_model." {
        /// memory for sled's page cache
        cache: Size = "64MiB",
    }

    /// The worker that cancels unpaid orders and voids lapsed authorisations.
    Deadlines "deadlines." {
        /// how long the clock must run steadily before unpaid orders are cancelled by it
        clock_grace: Duration = "2m",
    }

    /// How long the parts of a stop may take.
    Shutdown "shutdown." {
        /// how long to go on serving after SIGTERM; auto: 0s on a terminal, else 5s
        termination_delay: Auto<Duration> = "auto",
        /// how long requests in flight may take at a stop
        drain: Duration = "10s",
        /// how long stores may take to close
        stop: Duration = "10s",
    }

    /// Log lines.
    Logging "log." {
        /// text, json, or auto: text on a terminal, else json
        format: Auto<LogFormat> = "auto",
        /// levels by target, in the syntax of RUST_LOG
        filter: Filter = "info",
    }
}
