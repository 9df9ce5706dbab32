//! The types that a setting can have, and how each is read from text.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use event_store::Durability;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

/// A type that a setting can have.
pub(crate) trait Value: Sized {
    /// A value of this type is never printed, and `<NAME>_FILE` may name a file that holds it.
    const SECRET: bool = false;

    /// What every value is, for the reference and for the message about a wrong one.
    fn expected() -> String;

    fn parse(text: &str) -> Option<Self>;

    /// The text as it may be printed.
    fn show(text: &str) -> String {
        text.to_owned()
    }

    /// Why a text that does not parse is wrong; completes `grpc.listen must be …`.
    fn must_be(text: &str) -> String {
        format!("{}, not {:?}", Self::expected(), Self::show(text))
    }
}

/// A type with a few named values.
trait Choice: Copy + 'static {
    const CHOICES: &'static [(&'static str, Self)];
}

impl<T: Choice> Value for T {
    fn expected() -> String {
        let names: Vec<&str> = T::CHOICES.iter().map(|(name, _)| *name).collect();
        format!("one of {}", names.join(", "))
    }

    fn parse(text: &str) -> Option<Self> {
        let found = T::CHOICES.iter().find(|(name, _)| *name == text);
        found.map(|(_, value)| *value)
    }
}

impl Choice for bool {
    const CHOICES: &'static [(&'static str, Self)] = &[("true", true), ("false", false)];
}

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Commands and queries.
    All,
    /// Commands only.
    Command,
    /// The read model and queries only.
    Query,
}

impl Choice for Role {
    const CHOICES: &'static [(&'static str, Self)] = &[
        ("all", Self::All),
        ("command", Self::Command),
        ("query", Self::Query),
    ];
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

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For machines: one JSON object per line.
    Json,
}

impl Choice for LogFormat {
    const CHOICES: &'static [(&'static str, Self)] = &[("text", Self::Text), ("json", Self::Json)];
}

/// What the NATS servers' `sync_interval` makes of an acknowledgement.
impl Choice for Durability {
    const CHOICES: &'static [(&'static str, Self)] =
        &[("cache", Self::PageCache), ("fsync", Self::Fsync)];
}

/// Copies of a stream. JetStream takes 1 to 5; an even number adds cost and no safety.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Replicas(pub(crate) usize);

impl Choice for Replicas {
    const CHOICES: &'static [(&'static str, Self)] =
        &[("1", Self(1)), ("3", Self(3)), ("5", Self(5))];
}

/// A value that follows from the surroundings unless somebody sets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Auto<T> {
    Auto,
    Set(T),
}

impl<T> Auto<T> {
    pub(crate) fn or(self, otherwise: T) -> T {
        match self {
            Self::Auto => otherwise,
            Self::Set(value) => value,
        }
    }
}

impl<T: Value> Value for Auto<T> {
    fn expected() -> String {
        format!("auto or {}", T::expected())
    }

    fn parse(text: &str) -> Option<Self> {
        match text {
            "auto" => Some(Self::Auto),
            _ => T::parse(text).map(Self::Set),
        }
    }
}

/// Empty is none.
impl<T: Value> Value for Option<T> {
    const SECRET: bool = T::SECRET;

    fn expected() -> String {
        T::expected()
    }

    fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            Some(None)
        } else {
            T::parse(text).map(Some)
        }
    }

    fn show(text: &str) -> String {
        T::show(text)
    }
}

impl Value for String {
    fn expected() -> String {
        "text".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

impl Value for PathBuf {
    fn expected() -> String {
        "a path".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| text.into())
    }
}

/// A value that is never printed.
#[derive(Clone)]
pub(crate) struct Secret(pub(crate) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Value for Secret {
    const SECRET: bool = true;

    fn expected() -> String {
        "a secret".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        Some(Self(text.to_owned()))
    }

    fn show(text: &str) -> String {
        if text.is_empty() { "" } else { "[redacted]" }.to_owned()
    }
}

/// A number from `MIN` to `MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number<const MIN: u32, const MAX: u32>(pub(crate) u32);

impl<const MIN: u32, const MAX: u32> Number<MIN, MAX> {
    pub(crate) fn count(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl<const MIN: u32, const MAX: u32> Value for Number<MIN, MAX> {
    fn expected() -> String {
        format!("a number from {MIN} to {MAX}")
    }

    fn parse(text: &str) -> Option<Self> {
        let number = text.parse().ok()?;
        (MIN..=MAX).contains(&number).then_some(Self(number))
    }
}

/// A number of bytes: `512`, `256KiB`, `64MiB`, `10GiB`; also `KB`, `MB`, `GB` in thousands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

impl Size {
    /// As memory of this machine is counted.
    pub(crate) fn memory(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    /// As NATS counts.
    pub(crate) fn signed(self) -> i64 {
        i64::try_from(self.0).unwrap_or(i64::MAX)
    }
}

impl Value for Size {
    fn expected() -> String {
        "a size such as 64MiB".to_owned()
    }

    /// No more than the signed numbers of NATS and the addresses of this machine can hold.
    fn parse(text: &str) -> Option<Self> {
        let bytes = bytes(text)?;
        let fits = i64::try_from(bytes).is_ok() && usize::try_from(bytes).is_ok();
        fits.then_some(Self(bytes))
    }
}

fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = number_and_unit(text);
    let factor: u64 = match unit.trim() {
        "" | "B" => 1,
        "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

fn number_and_unit(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit());
    text.split_at(end.unwrap_or(text.len()))
}

/// `500ms`, `30s`, `5m`, `1h`; a bare `0` too.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = number_and_unit(text);
    let number: u64 = number.parse().ok()?;
    match unit {
        "" if number == 0 => Some(Duration::ZERO),
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs),
        "h" => number.checked_mul(3600).map(Duration::from_secs),
        _ => None,
    }
}

impl Value for Duration {
    fn expected() -> String {
        "a duration such as 500ms, 30s or 5m".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        duration(text)
    }
}

impl Value for SocketAddr {
    fn expected() -> String {
        "an address such as 127.0.0.1:50051".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        text.to_socket_addrs().ok()?.next()
    }
}

/// Addresses of NATS servers, separated by commas; empty without NATS. They may hold a password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct NatsUrls(pub(crate) Vec<String>);

impl Value for NatsUrls {
    fn expected() -> String {
        "addresses such as nats://127.0.0.1:4222, separated by commas".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self(Vec::new()));
        }
        let urls = text.split(',').map(|url| {
            let url = url.trim();
            let plain =
                !url.is_empty() && !url.contains(|c: char| c.is_whitespace() || c.is_control());
            plain.then(|| url.to_owned())
        });
        urls.collect::<Option<_>>().map(Self)
    }

    fn show(text: &str) -> String {
        text.split(',')
            .map(without_credentials)
            .collect::<Vec<_>>()
            .join(",")
    }
}

/// Without user and password.
impl fmt::Display for NatsUrls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Self::show(&self.0.join(",")))
    }
}

impl fmt::Debug for NatsUrls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

fn without_credentials(url: &str) -> String {
    match url.rsplit_once('@') {
        None => url.trim().to_owned(),
        Some((before, host)) => match before.split_once("://") {
            Some((scheme, _)) => format!("{}://{host}", scheme.trim()),
            None => host.to_owned(),
        },
    }
}

/// A name that NATS takes for a stream, also with `-0` or `-KEYS` after it. A dot, a star or `>`
/// would be part of a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StreamName(pub(crate) String);

impl StreamName {
    /// With the suffix it stays far below the 255 characters that NATS allows.
    const LONGEST: usize = 64;
}

impl Value for StreamName {
    fn expected() -> String {
        format!("1 to {} letters, digits, - or _", Self::LONGEST)
    }

    fn parse(text: &str) -> Option<Self> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let fits = (1..=Self::LONGEST).contains(&text.len()) && text.chars().all(plain);
        fits.then(|| Self(text.to_owned()))
    }
}

/// Levels by target, as `RUST_LOG` has them: `info,event_store=debug`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filter(String);

impl Filter {
    /// # Errors
    /// When the text names a level that does not exist.
    pub(crate) fn levels(&self) -> Result<EnvFilter, ParseError> {
        EnvFilter::builder().parse(&self.0)
    }
}

impl Default for Filter {
    fn default() -> Self {
        Self("info".to_owned())
    }
}

impl Value for Filter {
    fn expected() -> String {
        "levels such as info or info,event_store=debug".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        let filter = Self(text.to_owned());
        filter.levels().is_ok().then_some(filter)
    }
}
