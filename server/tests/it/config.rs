//! What the binary makes of its configuration, and of a start that cannot be.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use crate::harness::{Server, orders, wait_until};
use crate::tools::{root, run};

#[test]
fn no_password_is_shown() {
    let url = "nats://shop:s3cret@127.0.0.1:1";
    let (code, out, err) = run(orders()
        .args([
            "config",
            "show",
            "--set",
            "nats.password=s3cret",
            "--set",
            "nats.user=shop",
        ])
        .env("ORDERS_NATS__URL", url));
    assert_eq!(code, 0, "{err}");
    assert!(
        out.contains("nats://127.0.0.1:1") && !out.contains("s3cret"),
        "{out}"
    );

    let folder = tempfile::tempdir().expect("folder");
    let mut server = Server::launch(folder.path(), &[&format!("nats.url={url}")]);
    wait_until("it has tried to connect", || {
        server.log().contains("attempt failed")
    });
    server.stop();
    assert!(!server.log().contains("s3cret"), "{}", server.log());
}

#[test]
fn a_variable_that_is_no_text_is_a_problem_only_where_it_is_ours() {
    let noise = OsStr::from_bytes(b"\xff");
    let validate = |variable: &str| run(orders().args(["config", "validate"]).env(variable, noise));
    let (code, _, err) = validate("SOMEBODY_ELSE");
    assert_eq!(code, 0, "{err}");
    let (code, _, err) = validate("ORDERS_DATA_DIR");
    assert_eq!(code, 78);
    assert!(err.contains("env ORDERS_DATA_DIR: is not UTF-8"), "{err}");
    let (code, _, err) = run(orders().arg("get").arg(noise));
    assert_eq!(code, 64, "{err}");
}

#[test]
fn a_second_process_over_the_same_data_is_refused() {
    let folder = tempfile::tempdir().expect("folder");
    let server = Server::ready(folder.path(), &[]);
    let data = server.data().display().to_string();
    let any = ["grpc", "health", "admin"].map(|name| format!("{name}.listen=127.0.0.1:0"));
    let sets = any.iter().flat_map(|set| ["--set", set]);
    let (code, out, err) = run(orders().args(["serve", "--data-dir", &data]).args(sets));
    assert_eq!((code, err.as_str()), (74, ""), "{out}");
    let last = out.lines().last().expect("a line");
    for word in ["in use by another process", "stop that process", "data_dir"] {
        assert!(last.contains(word), "{word} is not in {last}");
    }
    assert!(!out.contains("delete"), "{out}");
    assert_eq!(server.healthcheck("readiness"), 0);
}

#[test]
fn a_process_that_was_killed_is_followed_at_once() {
    let folder = tempfile::tempdir().expect("folder");
    let mut killed = Server::ready(folder.path(), &[]);
    let other = tempfile::tempdir().expect("folder");
    let data = format!("data_dir={}", killed.data().display());
    let next = Server::launch(other.path(), &[&data]);
    wait_until("the next one waits", || {
        next.log().contains("waiting for it to end")
    });
    killed.kill();
    next.wait_ready();
}

#[test]
fn the_configuration_of_the_pod_is_valid() {
    let file = root().join("k8s/base/orders.toml");
    let (code, _, err) = run(orders().args(["config", "validate", "--config"]).arg(file));
    assert_eq!(code, 0, "{err}");
}
