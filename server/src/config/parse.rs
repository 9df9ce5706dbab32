//! Text to typed values, collecting every problem.

use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use super::{Layers, Problem};

/// Reads settings by name; a value that does not parse is a problem and reads as a stand-in.
pub(super) struct Reader<'a> {
    layers: &'a Layers,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(layers: &'a Layers) -> Self {
        Self {
            layers,
            problems: Vec::new(),
        }
    }

    pub(super) fn finish<T>(self, config: T) -> Result<T, Vec<Problem>> {
        if self.problems.is_empty() {
            Ok(config)
        } else {
            Err(self.problems)
        }
    }

    pub(super) fn problem(&mut self, name: &str, text: &str) {
        let origin = self.layers.origin(name).to_string();
        self.problems.push(Problem {
            origin,
            text: format!("{name} {text}"),
        });
    }

    pub(super) fn text(&self, name: &str) -> String {
        self.layers.value(name).to_owned()
    }

    pub(super) fn optional(&self, name: &str) -> Option<String> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    pub(super) fn one_of<T: Copy>(&mut self, name: &str, choices: &[(&str, T)]) -> T {
        let value = self.layers.value(name);
        let found = choices
            .iter()
            .find(|(choice, _)| *choice == value)
            .or_else(|| {
                let list: Vec<&str> = choices.iter().map(|(choice, _)| *choice).collect();
                self.problem(
                    name,
                    &format!("must be one of {}, not {value:?}", list.join(", ")),
                );
                choices.first()
            });
        #[expect(
            clippy::expect_used,
            reason = "every list of choices is a constant with entries"
        )]
        found.expect("a choice").1
    }

    pub(super) fn boolean(&mut self, name: &str) -> bool {
        self.one_of(name, &[("false", false), ("true", true)])
    }

    pub(super) fn number<T>(&mut self, name: &str, min: u64, max: u64) -> T
    where
        T: TryFrom<u64> + Default,
    {
        let value = self.layers.value(name);
        let number = value
            .parse::<u64>()
            .ok()
            .filter(|n| (min..=max).contains(n));
        self.or_problem(name, number.and_then(|n| T::try_from(n).ok()), || {
            format!("must be a number from {min} to {max}, not {value:?}")
        })
    }

    pub(super) fn size<T>(&mut self, name: &str) -> T
    where
        T: TryFrom<u64> + Default,
    {
        let value = self.layers.value(name);
        self.or_problem(name, bytes(value).and_then(|n| T::try_from(n).ok()), || {
            format!("must be a size such as 64MiB, not {value:?}")
        })
    }

    pub(super) fn duration(&mut self, name: &str) -> Duration {
        let value = self.layers.value(name);
        self.or_problem(name, duration(value), || {
            format!("must be a duration such as 500ms, 30s or 5m, not {value:?}")
        })
    }

    pub(super) fn address(&mut self, name: &str) -> SocketAddr {
        let value = self.layers.value(name);
        let address = value
            .to_socket_addrs()
            .ok()
            .and_then(|mut found| found.next());
        let stand_in = SocketAddr::from(([127, 0, 0, 1], 0));
        if address.is_none() {
            let text = format!("must be an address such as 127.0.0.1:50051, not {value:?}");
            self.problem(name, &text);
        }
        address.unwrap_or(stand_in)
    }

    fn or_problem<T: Default>(
        &mut self,
        name: &str,
        value: Option<T>,
        text: impl FnOnce() -> String,
    ) -> T {
        if value.is_none() {
            self.problem(name, &text());
        }
        value.unwrap_or_default()
    }
}

/// `512`, `256KiB`, `64MiB`, `10GiB`; also `KB`, `MB`, `GB` in thousands.
pub(super) fn bytes(text: &str) -> Option<u64> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
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

/// `500ms`, `30s`, `5m`, `1h`; a bare `0` too.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_durations_are_human() {
        assert_eq!(bytes("64MiB"), Some(64 << 20));
        assert_eq!(bytes("12"), Some(12));
        assert_eq!(bytes("12 parsecs"), None);
        assert_eq!(bytes("99999999999GiB"), None);
        assert_eq!(duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(duration("5m"), Some(Duration::from_secs(300)));
        assert_eq!(duration("5"), None);
        assert_eq!(duration(""), None);
    }
}
