//! What an operator says about the log, and why a connection was refused.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::Durability;

/// Where the log is, and what it must look like.
#[derive(Clone, Debug)]
pub struct JetStreamConfig {
    /// Servers, for example `nats://127.0.0.1:4222`; any of them may answer.
    pub urls: Vec<String>,
    /// How this process proves who it is.
    pub credentials: Credentials,
    /// Certificates and whether the transport must be encrypted.
    pub tls: Tls,
    /// Name of the stream, and of the streams `<name>-0`, `<name>-1` … of a partitioned log.
    /// Its key store is `<name>-KEYS`.
    pub stream: String,
    /// Prefix of all subjects: `<prefix>.<partition>.<stream id>`.
    pub subject_prefix: String,
    /// Number of partitions, fixed when the log is made.
    pub partitions: u32,
    /// Copies of every record, 1 or 3. A difference to an existing stream is a warning.
    pub replicas: usize,
    /// Size limit of each partition in bytes. At the limit the log refuses appends; it never drops
    /// history. A difference to an existing stream is a warning.
    pub max_bytes: i64,
    /// Whether missing streams are made. Off in production, where an operator makes them.
    pub create: bool,
    /// What the servers' `sync_interval` makes of an acknowledgement: [`Durability::Fsync`] with
    /// `always`, else [`Durability::PageCache`]. The server does not tell, so the operator does.
    pub durability: Durability,
    /// Name of this node, seen in the names of connections and consumers.
    pub node: String,
    /// Bound of [`JetStream::connect`](super::JetStream::connect) as a whole.
    pub connect_timeout: Duration,
    /// How long an append waits for its acknowledgement before the log counts as silent.
    pub ack_timeout: Duration,
    /// How long one read waits for its answer.
    pub read_timeout: Duration,
    /// How long an append whose outcome is unknown looks for its record before it gives up.
    pub settle_timeout: Duration,
}

impl JetStreamConfig {
    /// A log of one partition and one replica at `url`, made if it is missing.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            urls: vec![url.into()],
            credentials: Credentials::None,
            tls: Tls::default(),
            stream: "ORDERS".to_owned(),
            subject_prefix: "orders.v1".to_owned(),
            partitions: 1,
            replicas: 1,
            max_bytes: 8 << 30,
            create: true,
            durability: Durability::PageCache,
            node: "orders".to_owned(),
            connect_timeout: Duration::from_secs(10),
            ack_timeout: Duration::from_secs(5),
            read_timeout: Duration::from_secs(2),
            settle_timeout: Duration::from_secs(5),
        }
    }
}

/// How this process proves who it is. `Debug` shows no secret.
#[derive(Clone, Default)]
pub enum Credentials {
    /// Not at all, or as the URL says.
    #[default]
    None,
    /// User and password.
    Password {
        /// Name of the user.
        user: String,
        /// Its password.
        password: String,
    },
    /// A token.
    Token(String),
    /// The seed of an nkey.
    NKey(String),
    /// A `.creds` file: a JWT and the seed that signs for it.
    File(PathBuf),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Password { user, .. } => write!(f, "Password({user}, …)"),
            Self::Token(_) => f.write_str("Token(…)"),
            Self::NKey(_) => f.write_str("NKey(…)"),
            Self::File(path) => write!(f, "File({})", path.display()),
        }
    }
}

/// Encryption of the transport.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// Refuse a server that does not encrypt.
    pub required: bool,
    /// Certificates to trust beside the system's, as a PEM file.
    pub root_certificates: Option<PathBuf>,
    /// Certificate and key of this client, as PEM files.
    pub client_certificate: Option<(PathBuf, PathBuf)>,
}

/// Why the log could not be opened. The texts name the cause and the next step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// Out of reach for now; the same attempt may succeed later.
    #[error("the log is out of reach: {cause}")]
    Unavailable {
        /// What stood in the way.
        cause: String,
    },
    /// It will not work until somebody changes the configuration, the server or the stream.
    #[error("the log does not fit the configuration: {cause}")]
    Misconfigured {
        /// What does not fit, and what to do.
        cause: String,
    },
}

impl ConnectError {
    /// Whether trying again is pointless.
    #[must_use]
    pub const fn is_permanent(&self) -> bool {
        matches!(self, Self::Misconfigured { .. })
    }

    pub(super) fn unavailable(cause: impl fmt::Display) -> Self {
        Self::Unavailable {
            cause: cause.to_string(),
        }
    }

    pub(super) fn misconfigured(cause: impl fmt::Display) -> Self {
        Self::Misconfigured {
            cause: cause.to_string(),
        }
    }
}
