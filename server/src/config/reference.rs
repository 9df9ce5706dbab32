//! The page `docs/settings.md`, as the table of settings has it.

use std::fmt::Write as _;

use super::setting::SETTINGS;

/// `docs/settings.md`.
pub(super) fn reference() -> String {
    let mut text = String::from(INTRODUCTION);
    for setting in SETTINGS {
        let variable = setting.name.to_uppercase().replace('.', "__");
        let default = match setting.default {
            "" => "none".to_owned(),
            default => format!("`{default}`"),
        };
        let (name, about, expected) = (setting.name, setting.about(), (setting.expected)());
        let row = format!("| `{name}` | `ORDERS_{variable}` | {default} | {expected} | {about} |");
        writeln!(text, "{row}").ok();
    }
    text
}

const INTRODUCTION: &str = "\
# Settings

Later sources win: defaults, a TOML file (`--config FILE`), the environment, flags
(`--set NAME=VALUE`; `--role` and `--data-dir` have flags of their own). `PORT` sets the port of
`grpc.listen` and `RUST_LOG` sets `log.filter`, unless their `ORDERS_` variables are set. An empty
variable is unset. `ORDERS_NATS__PASSWORD_FILE` and `ORDERS_NATS__TOKEN_FILE` name files that hold
the secret. `orders config show` prints every value with its origin, `orders config validate` checks
them.

This page is generated from `server/src/config/setting.rs`: `ORDERS_BLESS=1 cargo test -p server
--bin orders settings` writes it.

| setting | variable | default | a value is | what it is for |
|---|---|---|---|---|
";
