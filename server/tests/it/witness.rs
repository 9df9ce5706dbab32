//! What stands in the log, as programs that know nothing of this service see it.

use std::fmt::Write as _;
use std::process::Command;

use crate::harness::{Nats, Server, orders};
use crate::tools::{program, root, run};

/// Runs the service, the `nats` client, jq and protoc over one stream.
struct Witness {
    /// First line of every script: where the programs and the server are.
    preamble: String,
}

impl Witness {
    fn new(nats: &Nats) -> Option<Self> {
        let mut preamble = format!("set -eu; url={};", nats.url());
        for name in ["nats", "jq", "protoc"] {
            write!(preamble, "{name}={:?};", program(name)?).expect("written");
        }
        Some(Self { preamble })
    }

    #[track_caller]
    fn ask(&self, script: &str) -> String {
        let script = format!("{}{script}", self.preamble);
        let (code, out, err) = run(Command::new("sh").current_dir(root()).args(["-c", &script]));
        assert_eq!(code, 0, "{script}: {out}{err}");
        out.trim().to_owned()
    }

    fn messages(&self) -> u64 {
        let counted = self.ask("$nats -s $url stream info ORDERS --json | $jq .state.messages");
        counted.parse().expect("a number")
    }

    fn last_commit(&self) -> String {
        self.ask(
            "last=$($nats -s $url stream info ORDERS --json | $jq .state.last_seq);
             $nats -s $url stream get ORDERS $last --json | $jq -r .data | base64 -d |
             $protoc -I proto --decode=orders.log.v1.Commit orders/log/v1/record.proto",
        )
    }
}

#[test]
fn each_accepted_command_is_one_message_that_protoc_reads_and_a_refused_one_is_none() {
    let folder = tempfile::tempdir().expect("folder");
    let Some(mut nats) = Nats::new(folder.path()) else {
        return;
    };
    let Some(witness) = Witness::new(&nats) else {
        return;
    };
    nats.start();
    let server = Server::ready(folder.path(), &[&format!("nats.url={}", nats.url())]);
    let place = |id: &str, line: &str| {
        run(orders()
            .args(["place", "--line", line, "--order-id", id])
            .args(["--addr", &format!("http://{}", server.grpc)]))
        .0
    };
    assert_eq!(place("seen-0", "MUG:1:1"), 0);
    let before = witness.messages();
    let accepted = 7;
    for n in 1..=accepted {
        assert_eq!(place(&format!("seen-{n}"), "MUG:2:4.95"), 0);
    }
    for refused in [
        ("seen-1", "MUG:2:4.95"),
        ("seen-x", "MUG:0:4.95"),
        ("a.b", "MUG:1:1"),
    ] {
        assert_ne!(place(refused.0, refused.1), 0, "{refused:?}");
    }
    assert_eq!(witness.messages(), before + accepted);
    let commit = witness.last_commit();
    for line in [
        r#"order_id: "seen-7""#,
        "first_version: 1",
        "order_created {",
        r#"sku: "MUG""#,
        "unit_price: 495",
        "placed_total: 990",
    ] {
        assert!(commit.contains(line), "{line} is not in {commit}");
    }
}
