//! Personal data that was erased: nowhere to be read, on no node and in no file.

use std::path::{Path, PathBuf};

use event_store::jetstream::{JetStream, JetStreamConfig};
use event_store::keys::EmbeddedKeys;
use event_store::{KeyState, KeyStore, StreamId};
use serde_json::Value;

use crate::harness::{Nats, Server, orders, wait_until};
use crate::tools::run;

/// What one customer would not want to be found.
const PRIVATE: [&str; 4] = [
    "Wilhelmina Ampersand",
    "w.ampersand@example.org",
    "Quillfeather Lane 7",
    "prefers the blue door",
];
const KEPT: &str = "Barnaby Turnstile";

fn command(server: &Server, arguments: &[&str]) -> Value {
    let arguments = [arguments, &["-o", "json"]].concat();
    serde_json::from_str(&server.client(&arguments)).expect("JSON")
}

fn place(server: &Server, order_id: &str, name: &str) {
    let [_, mail, street, note] = PRIVATE;
    let mug = "MUG:2:4.95";
    command(
        server,
        &[
            "place",
            "--order-id",
            order_id,
            "--request-id",
            order_id,
            "--line",
            mug,
            "--customer",
            "c-1",
            "--customer-name",
            name,
            "--customer-email",
            mail,
            "--shipping",
            "post:3.95",
            "--recipient",
            name,
            "--street",
            street,
            "--city",
            "Leeds",
            "--postal-code",
            "LS1",
            "--country",
            "GB",
        ],
    );
    command(
        server,
        &["annotate", order_id, "--note", note, "--reason", name],
    );
}

/// Cancels and erases; answers the token of the last write.
fn erase(server: &Server, order_id: &str) -> String {
    command(server, &["cancel", order_id, "--cancel-reason", "customer"]);
    let reply = command(server, &["erase", order_id]);
    let token = &reply["receipt"]["consistencyToken"];
    token.as_str().expect("a token").to_owned()
}

/// All that a node shows of an order.
fn shown(server: &Server, order_id: &str, token: &str) -> String {
    let order = server.client(&["get", order_id, "--token", token, "-o", "json"]);
    let first = ["get", order_id, "--version", "1", "-o", "json"];
    order + &server.client(&first) + &server.client(&["history", order_id, "-o", "json"])
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

/// Whether any file below `folder` holds these bytes. Files may vanish while they are looked at.
fn holds(folder: &Path, bytes: &[u8]) -> bool {
    let found = |path: &PathBuf| {
        std::fs::read(path).is_ok_and(|file| file.windows(bytes.len()).any(|it| it == bytes))
    };
    files(folder).iter().any(found)
}

fn assert_no_trace(folder: &Path, key: &[u8; 32]) {
    for text in PRIVATE {
        assert!(!holds(folder, text.as_bytes()), "{text} is on the disk");
    }
    let (one, other) = key.split_at(16);
    assert!(
        !holds(folder, one) && !holds(folder, other),
        "the key is on the disk"
    );
}

/// The secret of an order's key, read beside the server.
fn key(keys: &Keys, order_id: &str) -> [u8; 32] {
    let stream = StreamId::new(order_id).expect("valid");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let state = runtime.block_on(async {
        match keys {
            Keys::Copied(folder) => {
                let copy = tempfile::tempdir().expect("a folder");
                copy_all(folder, copy.path());
                let keys = EmbeddedKeys::open(copy.path()).expect("keys");
                let state = keys.find(&stream).await;
                keys.close().await;
                state
            }
            Keys::Nats(url) => {
                let log = JetStream::connect(JetStreamConfig::new(url))
                    .await
                    .expect("NATS");
                log.keys().await.expect("keys").find(&stream).await
            }
        }
    });
    match state {
        Ok(KeyState::Live(key)) => *key.secret(),
        other => panic!("the key of {order_id}: {other:?}"),
    }
}

/// Where keys are.
enum Keys {
    Copied(PathBuf),
    Nats(String),
}

fn copy_all(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for path in files(from) {
        let name = path.file_name().expect("a file");
        std::fs::copy(&path, to.join(name)).expect("copied");
    }
}

/// Two orders, one of them erased, seen from every node and from the disk.
fn erases_without_a_trace(folder: &Path, servers: &mut [Server], keys: &Keys) {
    place(&servers[0], "gone", PRIVATE[0]);
    place(&servers[0], "kept", KEPT);
    let (gone, kept) = (key(keys, "gone"), key(keys, "kept"));
    assert!(holds(folder, &gone), "the search finds a key that is there");
    for server in &*servers {
        server.digest();
        // Every node has the key at hand when the other erases it.
        assert!(shown(server, "gone", "").contains(PRIVATE[0]));
    }
    let token = erase(&servers[0], "gone");
    let check = |servers: &[Server]| {
        for server in servers {
            let gone = shown(server, "gone", &token);
            for text in PRIVATE {
                assert!(!gone.contains(text), "{text} is in {gone}");
            }
            assert!(gone.contains("\"personalDataErased\":true"), "{gone}");
            // What the shop's books need stays.
            for text in ["MUG", "\"GB\"", "1385"] {
                assert!(gone.contains(text), "{text} is not in {gone}");
            }
            assert!(shown(server, "kept", &token).contains(KEPT));
        }
        assert_no_trace(folder, &gone);
        assert!(holds(folder, &kept));
    };
    check(servers);
    servers.iter_mut().for_each(Server::stop);
    check(&[]);
    servers.iter_mut().for_each(Server::start);
    servers.iter().for_each(Server::wait_ready);
    check(servers);

    let before = servers[0].digest();
    servers[0].client(&["read-model", "rebuild", "--quiet"]);
    assert_eq!(servers[0].digest(), before);
    let again = [
        "annotate",
        "gone",
        "--note",
        PRIVATE[3],
        "--request-id",
        "later",
    ];
    command(&servers[0], &again);
    assert!(command(&servers[0], &again)["receipt"]["replayed"] == true);
    check(servers);
}

#[test]
fn erased_data_is_in_no_answer_and_in_no_file() {
    let folder = tempfile::tempdir().expect("folder");
    let server = Server::ready(folder.path(), &["shutdown.termination_delay=0s"]);
    let keys = Keys::Copied(server.data().join("keys"));
    erases_without_a_trace(folder.path(), &mut [server], &keys);
}

#[test]
fn erased_data_is_on_no_node_and_in_no_file_of_nats() {
    let folder = tempfile::tempdir().expect("folder");
    let Some(mut nats) = Nats::new(folder.path()) else {
        return;
    };
    nats.start();
    let url = format!("nats.url={}", nats.url());
    let settings = [url.as_str(), "shutdown.termination_delay=0s"];
    let nodes = ["one", "two"].map(|name| folder.path().join(name));
    let mut servers = nodes.map(|node| {
        std::fs::create_dir_all(&node).expect("a folder");
        Server::ready(&node, &settings)
    });
    erases_without_a_trace(folder.path(), &mut servers, &Keys::Nats(nats.url()));
}

/// The process ends between the event and the key: as if the key's file were that of before.
#[test]
fn an_erasure_that_a_crash_cut_short_is_finished_at_the_next_start() {
    let folder = tempfile::tempdir().expect("folder");
    let mut server = Server::ready(folder.path(), &["shutdown.termination_delay=0s"]);
    place(&server, "gone", PRIVATE[0]);
    place(&server, "kept", KEPT);
    let keys = server.data().join("keys");
    let secret = key(&Keys::Copied(keys.clone()), "gone");
    server.stop();
    let before = tempfile::tempdir().expect("a folder");
    copy_all(&keys, before.path());
    server.start();
    server.wait_ready();
    let token = erase(&server, "gone");
    server.stop();
    std::fs::remove_dir_all(&keys).expect("removed");
    copy_all(before.path(), &keys);
    drop(before);
    assert!(holds(folder.path(), &secret), "the key is back");

    server.start();
    server.wait_ready();
    wait_until("the erasure is finished", || {
        server
            .log()
            .contains("finished an erasure that was cut short")
    });
    assert_no_trace(folder.path(), &secret);
    assert!(shown(&server, "kept", &token).contains(KEPT));
    let (code, out, _) = run(orders()
        .args(["get", "gone", "-o", "json"])
        .args(["--addr", &format!("http://{}", server.grpc)]));
    assert!(code == 0 && !out.contains(PRIVATE[0]), "{out}");
}
