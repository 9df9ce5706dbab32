//! A shell script of grpcurl and jq that takes an order through its whole life.

use std::process::Command;

use crate::harness::Server;
use crate::tools::{folder, program, root, run};

/// Runs the script against an address; `None` where grpcurl or jq could not be had.
fn script(address: &str) -> Option<(i32, String, String)> {
    program("grpcurl")?;
    program("jq")?;
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", folder().join("bin").display());
    let script = root().join("server/tests/it/life.sh");
    Some(run(Command::new("sh")
        .arg(script)
        .arg(address)
        .env("PATH", path)))
}

#[test]
fn an_order_goes_from_creation_to_refund_with_grpcurl_and_jq() {
    let folder = tempfile::tempdir().expect("folder");
    let server = Server::ready(folder.path(), &[]);
    for _order in 0..2 {
        let Some((code, out, err)) = script(&server.grpc) else {
            return;
        };
        assert_eq!((code, err.as_str()), (0, ""), "{out}");
        // Three mugs, a tray and the post were paid; one mug came back.
        assert!(out.ends_with(": 495 of 3155 went back\n"), "{out}");
    }
}

#[test]
fn the_script_ends_at_the_first_step_that_fails() {
    let Some((code, out, err)) = script("127.0.0.1:1") else {
        return;
    };
    assert!(
        code != 0 && out.is_empty() && !err.is_empty(),
        "{code} {out}{err}"
    );
}
