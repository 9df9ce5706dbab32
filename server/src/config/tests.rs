//! What becomes of files, variables and flags.

use std::time::Duration;

use super::reference::reference;
use super::setting::SETTINGS;
use super::show::values;
use super::source::Sources;
use super::value::duration;
use super::*;

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = pairs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    owned.collect()
}

fn loaded(file: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Loaded {
    let sources = Sources {
        file: (!file.is_empty()).then(|| ("orders.toml".to_owned(), file.to_owned())),
        environment: pairs(environment),
        flags: pairs(flags),
        sets: Vec::new(),
    };
    Loaded::from(sources, Vec::new())
}

#[track_caller]
fn valid(file: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Config {
    loaded(file, environment, flags)
        .config
        .expect("a valid configuration")
}

#[track_caller]
fn problems(file: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Vec<String> {
    let problems = loaded(file, environment, flags)
        .config
        .expect_err("problems");
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn later_layers_win() {
    let file = "[grpc]\nlisten = \"127.0.0.1:1\"\n";
    let environment = [("ORDERS_GRPC__LISTEN", "127.0.0.1:2")];
    let flags = [("grpc.listen", "127.0.0.1:3")];
    assert_eq!(valid(file, &[], &[]).grpc.listen.port(), 1);
    assert_eq!(valid(file, &environment, &[]).grpc.listen.port(), 2);
    assert_eq!(valid(file, &environment, &flags).grpc.listen.port(), 3);
}

#[test]
fn our_variables_win_over_those_that_everybody_reads() {
    let environment = [
        ("ORDERS_GRPC__LISTEN", "127.0.0.1:2"),
        ("ORDERS_LOG__FILTER", "debug"),
        ("PORT", "7777"),
        ("RUST_LOG", "trace"),
    ];
    let config = valid("", &environment, &[]);
    assert_eq!(config.grpc.listen.port(), 2);
    assert_eq!(Some(config.logging.filter), Filter::parse("debug"));
}

#[test]
fn all_problems_are_reported_with_their_origin() {
    let text = problems(
        "[grpc]\nlisten = \"nowhere\"\nlistem = \"x\"\n",
        &[("ORDERS_NATS__PARTITIONS", "0")],
        &[("role", "king")],
    );
    for (expected, told) in [
        "orders.toml:3: unknown setting grpc.listem; did you mean grpc.listen?",
        "flag --role: role must be one of all, command, query, not \"king\"",
        "env ORDERS_NATS__PARTITIONS: nats.partitions must be a number from 1 to 256, not \"0\"",
        "orders.toml:2: grpc.listen must be an address such as 127.0.0.1:50051, not \"nowhere\"",
    ]
    .iter()
    .zip(&text)
    {
        assert_eq!(told, expected);
    }
    assert_eq!(text.len(), 4, "{text:?}");
}

#[test]
fn an_empty_variable_is_unset_and_port_sets_the_grpc_port() {
    let config = valid("", &[("ORDERS_ROLE", ""), ("PORT", "7777")], &[]);
    assert_eq!(config.process.role, Role::All);
    assert_eq!(config.grpc.listen.port(), 7777);
}

#[test]
fn a_setting_that_could_not_be_meant_is_a_problem() {
    for (name, value, text) in [
        ("nats.replicas", "2", "must be one of 1, 3, 5"),
        ("nats.user", "shop", "needs nats.password"),
        ("nats.password", "secret", "needs nats.user"),
        ("nats.stream", "a.b.*>", "letters, digits, - or _"),
        ("nats.stream", "", "letters, digits, - or _"),
        ("nats.url", "nats://a:secret@one,,", "separated by commas"),
        ("nats.max_bytes", "99999999999GiB", "a size such as 64MiB"),
        ("nats.max_bytes", "12 parsecs", "a size such as 64MiB"),
        ("data_dir", "", "a path"),
        ("shutdown.drain", "5", "a duration such as"),
        ("shutdown.termination_delay", "soon", "auto or a duration"),
        ("log.filter", "orders=loud", "levels such as info"),
    ] {
        let told = problems("", &[], &[(name, value)]);
        assert!(told.len() == 1 && told[0].contains(text), "{told:?}");
        assert!(
            told[0].contains(name) && !told[0].contains("secret"),
            "{told:?}"
        );
    }
}

#[test]
fn two_ways_to_prove_who_one_is_are_a_problem() {
    let told = problems(
        "[nats]\ntoken = \"t\"\nuser = \"u\"\npassword = \"p\"\n",
        &[],
        &[],
    );
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with("orders.toml:2: nats.token is one of several"),
        "{told:?}"
    );
}

#[test]
fn a_secret_comes_from_a_variable_or_from_a_file_and_never_from_both() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "hush\n").expect("written");
    let path = file.path().display().to_string();
    let (user, named) = (
        ("ORDERS_NATS__USER", "u"),
        ("ORDERS_NATS__PASSWORD_FILE", path.as_str()),
    );
    let config = valid("", &[("ORDERS_NATS__URL", "one"), user, named], &[]);
    let Log::Nats(nats) = config.log else {
        panic!("a log on NATS");
    };
    assert_eq!(nats.password.expect("a password").0, "hush");
    let told = problems("", &[user, named, ("ORDERS_NATS__PASSWORD", "psst")], &[]);
    assert!(
        told.len() == 1 && told[0].contains("keep one of them"),
        "{told:?}"
    );
    let told = problems("", &[user, ("ORDERS_NATS__PASSWORD_FILE", "/nowhere")], &[]);
    assert!(told[0].contains("failed to read /nowhere"), "{told:?}");
}

#[test]
fn nothing_that_is_shown_holds_a_secret_or_moves_the_cursor() {
    let urls = "nats://shop:p@ss@one:4222, tls://token@two,three:4222";
    let file = format!("node = \"a\\u001b[2Jb\"\n[nats]\nurl = \"{urls}\"\ntoken = \"hush\"\n");
    let loaded = loaded(&file, &[], &[]);
    let shown = format!("{:?}", values(&loaded.layers));
    assert!(
        shown.contains("nats://one:4222,tls://two,three:4222"),
        "{shown}"
    );
    let rows = values(&loaded.layers);
    let row = |name: &str| rows.iter().find(|row| row[0] == name).expect("a row");
    assert_eq!(row("nats.token")[1], "[redacted]");
    assert_eq!(row("node")[1], "a\\u{1b}[2Jb");
    let debug = format!("{:?}", loaded.config);
    for secret in ["p@ss", "hush"] {
        assert!(
            !shown.contains(secret) && !debug.contains(secret),
            "{shown} {debug}"
        );
    }
    let told = problems("", &[], &[("a\u{1b}[2J", "x")]);
    assert!(!told[0].contains('\u{1b}'), "{told:?}");
}

#[test]
fn variables_of_the_client_are_not_unknown() {
    let loaded = loaded("", &[("ORDERS_ADDR", "x"), ("ORDERS_ADR", "x")], &[]);
    assert_eq!(loaded.layers.unknown_variables, ["ORDERS_ADR"]);
}

#[test]
fn a_split_role_needs_a_shared_log() {
    let told = problems("", &[("ORDERS_ROLE", "query")], &[]);
    assert!(told.len() == 1 && told[0].contains("nats.url"), "{told:?}");
    let shared = [("ORDERS_ROLE", "query"), ("ORDERS_NATS__URL", "nats://one")];
    assert_eq!(valid("", &shared, &[]).process.role, Role::Query);
}

#[test]
fn the_delay_of_a_stop_follows_the_terminal_unless_it_is_set() {
    let auto = valid("", &[], &[]).shutdown;
    assert_eq!(auto.delay(true), Duration::ZERO);
    assert_eq!(auto.delay(false), Duration::from_secs(5));
    let set = valid("", &[], &[("shutdown.termination_delay", "3s")]).shutdown;
    assert_eq!(set.delay(true), Duration::from_secs(3));
}

#[test]
fn sizes_and_durations_are_human() {
    let size = |text: &str| value::Size::parse(text).map(|size| size.0);
    assert_eq!(size("64MiB"), Some(64 << 20));
    assert_eq!(size("12"), Some(12));
    assert_eq!(duration("500ms"), Some(Duration::from_millis(500)));
    assert_eq!(duration("5m"), Some(Duration::from_secs(300)));
    assert_eq!(duration("0"), Some(Duration::ZERO));
    assert_eq!(duration(""), None);
}

#[test]
fn every_setting_has_an_explanation_of_one_line_and_a_default_that_is_valid() {
    for setting in SETTINGS {
        let about = setting.about();
        assert!(
            !about.is_empty() && !about.ends_with('.'),
            "{}: {about:?}",
            setting.name
        );
    }
    assert!(loaded("", &[], &[]).config.is_ok());
}

#[test]
fn the_page_of_settings_is_this_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/settings.md");
    #[expect(
        clippy::disallowed_methods,
        reason = "a switch of the test, not a setting"
    )]
    if std::env::var("ORDERS_BLESS").is_ok_and(|value| value == "1") {
        std::fs::write(path, reference()).expect("written");
    }
    let page = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(
        page,
        reference(),
        "write docs/settings.md with ORDERS_BLESS=1"
    );
}
