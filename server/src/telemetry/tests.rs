//! Who gets colours, and a panic in a real process.

use std::process::Command;

use super::*;

#[test]
fn a_panic_is_one_line_of_the_log() {
    let this = std::env::current_exe().expect("this binary");
    let child = "telemetry::tests::child_that_panics";
    let ran = Command::new(this)
        .args(["--exact", child, "--ignored", "--nocapture"])
        .output()
        .expect("a child");
    let (out, err) = (String::from_utf8(ran.stdout), String::from_utf8(ran.stderr));
    let (out, err) = (out.expect("text"), err.expect("text"));
    let mut lines = out.lines().filter(|line| line.starts_with('{'));
    let line = lines.next().expect("a line of the log");
    let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
    assert_eq!(line["panic"], "two\nlines", "{out}");
    assert_eq!(line["thread"], "faulty");
    assert!(
        line["place"]
            .as_str()
            .is_some_and(|place| place.contains("telemetry"))
    );
    assert!(
        lines.next().is_none() && !err.contains("panicked"),
        "{out}{err}"
    );
}

#[test]
#[ignore = "a child of the test above: it replaces the panic hook of its process"]
fn child_that_panics() {
    install(LogFormat::Json, &Filter::default());
    let thread = std::thread::Builder::new().name("faulty".to_owned());
    let thread = thread.spawn(|| panic!("two\nlines")).expect("a thread");
    assert!(thread.join().is_err());
}

#[test]
fn colours_are_for_a_terminal_that_does_not_refuse_them() {
    let of = |format, terminal, no_color: Option<&str>| {
        Look::of(format, terminal, no_color.map(OsStr::new))
    };
    assert_eq!(of(LogFormat::Text, true, None), Look::Coloured);
    assert_eq!(of(LogFormat::Text, true, Some("")), Look::Coloured);
    assert_eq!(of(LogFormat::Text, true, Some("1")), Look::Plain);
    assert_eq!(of(LogFormat::Text, false, None), Look::Plain);
    assert_eq!(of(LogFormat::Json, true, None), Look::Json);
}
