//! Operators' subcommands, against the real service and against one that answers what a test says.

use std::collections::VecDeque;
use std::pin::Pin;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::Stream;
use proto::v1;
use proto::v1::read_model_service_server::{ReadModelService, ReadModelServiceServer};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use super::{Shop, text};
use crate::harness::orders;
use crate::tools::run;

type Steps<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// A node that answers what it was told to; a stream stays open after its last step.
struct Node {
    rebuild: Mutex<VecDeque<Result<v1::RebuildResponse, Status>>>,
    verify: Mutex<VecDeque<Result<v1::VerifyResponse, Status>>>,
    parked: Option<v1::ParkedOrder>,
    /// Is told when a rebuild was asked for.
    begun: mpsc::Sender<()>,
}

fn steps<T: Send + 'static>(told: &Mutex<VecDeque<Result<T, Status>>>) -> Steps<T> {
    let told = std::mem::take(&mut *told.lock().unwrap_or_else(PoisonError::into_inner));
    let steps = futures::stream::iter(told);
    Box::pin(futures::StreamExt::chain(steps, futures::stream::pending()))
}

#[tonic::async_trait]
impl ReadModelService for Node {
    type RebuildStream = Steps<v1::RebuildResponse>;
    type VerifyStream = Steps<v1::VerifyResponse>;

    async fn get_read_model(
        &self,
        _request: Request<v1::GetReadModelRequest>,
    ) -> Result<Response<v1::GetReadModelResponse>, Status> {
        Ok(Response::new(v1::GetReadModelResponse::default()))
    }

    async fn rebuild(
        &self,
        _request: Request<v1::RebuildRequest>,
    ) -> Result<Response<Self::RebuildStream>, Status> {
        self.begun.send(()).expect("the test waits");
        Ok(Response::new(steps(&self.rebuild)))
    }

    async fn cancel_rebuild(
        &self,
        _request: Request<v1::CancelRebuildRequest>,
    ) -> Result<Response<v1::CancelRebuildResponse>, Status> {
        Ok(Response::new(v1::CancelRebuildResponse { cancelled: true }))
    }

    async fn verify(
        &self,
        _request: Request<v1::VerifyRequest>,
    ) -> Result<Response<Self::VerifyStream>, Status> {
        Ok(Response::new(steps(&self.verify)))
    }

    async fn list_parked_orders(
        &self,
        request: Request<v1::ListParkedOrdersRequest>,
    ) -> Result<Response<v1::ListParkedOrdersResponse>, Status> {
        let wanted = request.into_inner().order_id;
        let parked = self.parked.iter();
        let parked = parked.filter(|it| wanted.is_empty() || it.order_id == wanted);
        Ok(Response::new(v1::ListParkedOrdersResponse {
            parked_orders: parked.cloned().collect(),
            next_page_token: String::new(),
        }))
    }

    async fn retry_parked_order(
        &self,
        _request: Request<v1::RetryParkedOrderRequest>,
    ) -> Result<Response<v1::RetryParkedOrderResponse>, Status> {
        Ok(Response::new(v1::RetryParkedOrderResponse {
            healed: self.parked.is_none(),
            parked: self.parked.clone(),
        }))
    }
}

/// A [`Node`] that is served; it ends with the test.
struct Served {
    _runtime: Runtime,
    address: String,
    begun: mpsc::Receiver<()>,
}

impl Served {
    fn with(
        rebuild: Vec<Result<v1::RebuildResponse, Status>>,
        verify: Vec<v1::VerifyResponse>,
        parked: Option<v1::ParkedOrder>,
    ) -> Self {
        let (begun, told) = mpsc::channel();
        let node = Node {
            rebuild: Mutex::new(rebuild.into()),
            verify: Mutex::new(verify.into_iter().map(Ok).collect()),
            parked,
            begun,
        };
        let runtime = Runtime::new().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"));
        let listener = listener.expect("bound");
        let address = listener.local_addr().expect("an address").to_string();
        let server = tonic::transport::Server::builder();
        let server = { server }.add_service(ReadModelServiceServer::new(node));
        runtime.spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
        Self {
            _runtime: runtime,
            address,
            begun: told,
        }
    }

    fn command(&self, line: &str) -> Command {
        let mut command = orders();
        command
            .args(line.split(' '))
            .args(["--addr", &self.address]);
        command
    }

    fn run(&self, line: &str) -> (i32, String, String) {
        run(&mut self.command(line))
    }
}

fn work(done: i64) -> Option<v1::ReadModelWork> {
    Some(v1::ReadModelWork {
        task: "rebuild".to_owned(),
        done,
        total: 10,
        per_second: 5.0,
        remaining: None,
    })
}

fn rebuilt(different: bool) -> v1::RebuildResponse {
    v1::RebuildResponse {
        work: work(10),
        outcome: Some(v1::RebuildOutcome {
            generation: "sled-3-2".to_owned(),
            digest: "d1".to_owned(),
            different,
        }),
    }
}

fn verified(equal: bool) -> v1::VerifyResponse {
    let difference = v1::KeyDifference {
        kind: "rows".to_owned(),
        order_id: "o-1".to_owned(),
        key: "6f2d31".to_owned(),
        what: "payment_state".to_owned(),
    };
    v1::VerifyResponse {
        work: work(10),
        outcome: Some(v1::VerifyOutcome {
            equal,
            digest: "d1".to_owned(),
            differences: if equal { Vec::new() } else { vec![difference] },
            difference_count: if equal { 0 } else { 1_234 },
        }),
    }
}

#[test]
fn a_read_model_that_differs_is_exit_code_65_with_every_difference() {
    let node = Served::with(Vec::new(), vec![verified(false)], None);
    let (code, out, err) = node.run("read-model verify");
    assert_eq!(code, 65, "{err}");
    assert!(out.contains("o-1    6f2d31  payment_state"), "{out}");
    for word in ["1,234 keys", "next: ", "orders read-model rebuild"] {
        assert!(err.contains(word), "{word} is not in {err}");
    }
    let node = Served::with(vec![Ok(rebuilt(true))], vec![verified(true)], None);
    let (code, out, err) = node.run("read-model rebuild");
    assert_eq!(code, 65, "{err}");
    assert!(
        out.contains("sled-3-2") && err.contains("next: "),
        "{out}{err}"
    );
    let (code, out, err) = node.run("read-model verify -o json");
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    let outcome: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(outcome, serde_json::json!({"equal": true, "digest": "d1"}));
}

#[test]
fn a_rebuild_that_was_given_up_or_never_began_has_its_own_exit_code() {
    let details = [("cause", "cancelled".to_owned())];
    let given_up = proto::error::status(
        tonic::Code::Aborted,
        "REBUILD_GIVEN_UP",
        "the rebuild was given up",
        details,
    );
    let begun = v1::RebuildResponse {
        work: work(3),
        outcome: None,
    };
    let node = Served::with(vec![Ok(begun), Err(given_up)], Vec::new(), None);
    let (code, out, err) = node.run("read-model rebuild");
    assert_eq!((code, out.as_str()), (75, ""), "{err}");
    assert!(
        err.contains("REBUILD_GIVEN_UP") && err.contains("next: "),
        "{err}"
    );
    for line in ["read-model rebuild", "read-model verify", "parked list"] {
        let mut command = orders();
        let (code, _, err) = run(command
            .args(line.split(' '))
            .args(["--addr", "127.0.0.1:1"]));
        assert_eq!(code, 69, "{line}: {err}");
    }
}

/// What a child says on standard error until its end, and its exit code.
fn interrupt(child: Child) -> (i32, String, String) {
    let pid = child.id().to_string();
    let sent = Command::new("kill").args(["-INT", &pid]).status();
    assert!(sent.expect("kill").success());
    let ended = child.wait_with_output().expect("ended");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    let code = ended.status.code().unwrap_or(-1);
    (code, text(ended.stdout), text(ended.stderr))
}

#[test]
fn ctrl_c_ends_the_command_and_says_how_to_follow_the_rebuild_again() {
    let begun = v1::RebuildResponse {
        work: work(3),
        outcome: None,
    };
    let node = Served::with(vec![Ok(begun)], Vec::new(), None);
    let child = node
        .command("read-model rebuild")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let asked = node.begun.recv_timeout(Duration::from_secs(60));
    asked.expect("the rebuild was asked for");
    let (code, out, err) = interrupt(child);
    assert_eq!((code, out.as_str()), (75, ""), "{err}");
    for word in [
        "goes on",
        "next: ",
        "orders read-model rebuild",
        "orders read-model cancel",
    ] {
        assert!(err.contains(word), "{word} is not in {err}");
    }
}

#[test]
fn parked_orders_are_listed_shown_and_tried_again() {
    let parked = v1::ParkedOrder {
        order_id: "o-1".to_owned(),
        cause: "GAP".to_owned(),
        detail: "version 4 is missing".to_owned(),
        position: "0:7".to_owned(),
        attempts: 2,
        behind: vec!["0:9".to_owned(), "0:12".to_owned()],
        behind_count: 2,
        ..v1::ParkedOrder::default()
    };
    let node = Served::with(Vec::new(), Vec::new(), Some(parked));
    let (code, out, _) = node.run("parked list");
    assert_eq!(code, 0);
    assert!(out.contains("o-1    GAP    0:7"), "{out}");
    let (code, out, _) = node.run("parked show o-1");
    assert_eq!(code, 0);
    assert!(out.contains("2 commits: 0:9 0:12"), "{out}");
    let (code, out, err) = node.run("parked show o-2");
    assert_eq!((code, out.as_str()), (65, ""));
    assert!(err.contains("\"o-2\" is not parked\nnext: "), "{err}");
    let (code, out, err) = node.run("parked retry o-1");
    assert_eq!(code, 65, "{err}");
    assert!(
        out.contains("version 4 is missing") && err.contains("next: "),
        "{out}{err}"
    );
    let node = Served::with(Vec::new(), Vec::new(), None);
    let (code, out, err) = node.run("parked retry o-1");
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("order o-1 are folded"), "{out}");
}

#[test]
fn the_read_model_of_a_node_is_shown_verified_and_built_again() {
    let shop = Shop::open();
    shop.ask("place --order-id o-1 --line MUG:2:4.95");
    let last = shop.ask("hold o-1 address");
    let token = text(&last["receipt"]["consistencyToken"]);
    let shown = shop.ask(&format!("read-model show --token {token}"));
    assert_eq!(shown["serving"], true, "{shown}");
    let (code, out, err) = shop.run("read-model show");
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with("serving     yes\n"), "{out}");
    let verified = shop.ask("read-model verify --quiet");
    assert_eq!(verified["equal"], true);
    let rebuilt = shop.ask("read-model rebuild --quiet");
    assert_eq!(rebuilt.get("different"), None, "{rebuilt}");
    assert_eq!(rebuilt["digest"], verified["digest"]);
    assert_ne!(rebuilt["generation"], shown["generation"]);
    assert_eq!(shop.ask("parked list"), serde_json::json!([]));
    let (code, out, _) = shop.run("parked retry o-1");
    assert_eq!(code, 0, "nothing is left to fold: {out}");
    shop.fails(
        "parked show o-1",
        65,
        &["\"o-1\" is not parked", "\nnext: "],
    );
    let (code, out, _) = shop.run("read-model cancel");
    assert_eq!(code, 0);
    assert!(out.contains("no rebuild"), "{out}");
}

#[test]
fn a_field_is_explained_by_the_event_that_set_it() {
    let shop = Shop::open();
    shop.ask("place --order-id o-1 --line MUG:2:4.95 --customer c-1");
    shop.ask("hold o-1 address --reason moved");
    let explained = shop.ask("explain o-1 holds[HOLD_REASON_ADDRESS]");
    assert_eq!(explained["event"]["type"], "OrderHeld", "{explained}");
    assert_eq!(explained["event"]["reason"], "moved");
    let (code, out, err) = shop.run("explain o-1 lines[L1].quantity");
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("\nevent       LineAdded (version "), "{out}");
    assert!(out.contains("\ndetails     L1 MUG 2 x 4.95 GBP\n"), "{out}");
    let message = "error: FIELD_INVALID: FIELD_PATH must be ";
    shop.fails("explain o-1 colour", 65, &[message, "\nnext: "]);
}

/// Reads lines of a child until one holds the word.
fn read_until(lines: &mut impl Iterator<Item = std::io::Result<String>>, word: &str) -> String {
    let mut lines = lines.map(|line| line.expect("text"));
    lines.find(|line| line.contains(word)).expect(word)
}

#[test]
fn a_watch_shows_changes_and_goes_on_where_it_ended() {
    use std::io::{BufRead as _, BufReader};

    let shop = Shop::open();
    shop.ask("place --order-id o-1 --line MUG:2:4.95 --customer c-1");
    shop.ask("place --order-id o-2 --line MUG:2:4.95 --customer c-2");
    shop.server.digest();
    let watch = |more: &str| {
        let mut command = orders();
        command
            .args(["watch", "--customer", "c-1", "--addr", &shop.server.grpc])
            .args(more.split(' '))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().expect("the command starts")
    };
    let mut child = watch("--start snapshot");
    let mut lines = BufReader::new(child.stdout.take().expect("output")).lines();
    assert!(read_until(&mut lines, "o-1").starts_with("o-1  3  placed"));
    read_until(&mut lines, "changes follow");
    shop.ask("hold o-2 address");
    shop.ask("hold o-1 address");
    let change = read_until(&mut lines, "OrderHeld");
    assert!(change.starts_with("o-1  4  placed"), "{change}");
    let (code, _, err) = interrupt(child);
    assert_eq!(code, 0, "{err}");
    let token = err.split("--resume ").nth(1).expect("a token");
    let token = token.split('`').next().expect("a token");

    shop.ask("release o-1 address");
    let mut child = watch(&format!("--resume {token} -o jsonl"));
    let mut lines = BufReader::new(child.stdout.take().expect("output")).lines();
    let next: serde_json::Value = serde_json::from_str(&read_until(&mut lines, "{")).expect("JSON");
    assert_eq!(
        next["change"]["eventTypes"],
        serde_json::json!(["OrderReleased"])
    );
    interrupt(child);
}
