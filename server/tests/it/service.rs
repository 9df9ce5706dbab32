//! The service as a user meets it: grpcurl, grpc-health-probe, signals, NATS that comes and goes.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use crate::harness::{Nats, Server, orders, wait_until};
use crate::tools::{program, root, run};

fn grpcurl(program: &Path, server: &Server, method: &str, request: &str) -> (i32, String) {
    let (code, out, err) = run(Command::new(program)
        .args(["-plaintext", "-d", request])
        .args([&server.grpc, &format!("orders.v1.{method}")]));
    (code, out + &err)
}

const MUG: &str =
    r#"{"sku":"MUG","quantity":2,"unit_price":{"currency_code":"GBP","minor_units":495}}"#;

fn order(id: &str, place: &str) -> String {
    format!(
        r#"{{"order_id":"{id}","currency_code":"GBP","payment_terms":"PAYMENT_TERMS_ON_ACCOUNT","lines":[{MUG}]{place}}}"#
    )
}

#[test]
fn a_tour_with_grpcurl() {
    let Some(grpcurl_program) = program("grpcurl") else {
        return;
    };
    let folder = tempfile::tempdir().expect("folder");
    let server = Server::ready(folder.path(), &[]);
    let call = |method: &str, request: &str| grpcurl(&grpcurl_program, &server, method, request);
    let (_, listed, _) =
        run(Command::new(&grpcurl_program).args(["-plaintext", &server.grpc, "list"]));
    assert!(listed.contains("orders.v1.OrderCommandService"), "{listed}");

    let (code, out) = call("OrderCommandService/CreateOrder", &order("tour-1", ""));
    assert_eq!(code, 0, "{out}");
    let placed = r#"{"order_id":"tour-1","context":{"request_id":"r1"}}"#;
    let (code, out) = call("OrderCommandService/PlaceOrder", placed);
    assert_eq!(code, 0, "{out}");
    let reply: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    let token = reply["receipt"]["consistencyToken"]
        .as_str()
        .expect("token");
    let asked = format!(r#"{{"order_id":"tour-1","consistency_token":"{token}"}}"#);
    let (code, out) = call("OrderQueryService/GetOrder", &asked);
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("ORDER_STATE_PLACED"), "{out}");

    let (_, again) = call("OrderCommandService/PlaceOrder", placed);
    assert!(again.contains("\"replayed\": true"), "{again}");
    for method in [
        "OrderQueryService/ListOrders",
        "OrderQueryService/CountOrders",
        "OrderReportService/SummarizeStates",
        "OrderReportService/QueryFunnel",
    ] {
        assert_eq!(call(method, "{}").0, 0, "{method}");
    }
    let (code, out) = call(
        "OrderReportService/QueryRevenue",
        r#"{"bucket":"BUCKET_DAY"}"#,
    );
    assert_eq!(code, 0, "{out}");
    let (code, out) = call(
        "OrderHistoryService/ListOrderEvents",
        r#"{"order_id":"tour-1"}"#,
    );
    assert!(code == 0 && out.contains("OrderPlaced"), "{out}");

    let (code, out) = call("OrderCommandService/PlaceOrder", r#"{"order_id":"tour-1"}"#);
    assert_ne!(code, 0);
    for word in [
        "FailedPrecondition",
        "ORDER_STATE_INVALID",
        "orders/tour-1",
        "PLACED",
    ] {
        assert!(out.contains(word), "{word} is not in {out}");
    }
}

#[test]
fn the_proto_files_import_as_they_are() {
    let Some(grpcurl) = program("grpcurl") else {
        return;
    };
    let (code, out, err) = run(Command::new(grpcurl).current_dir(root()).args([
        "-import-path",
        "proto",
        "-proto",
        "orders/v1/command_service.proto",
        "list",
    ]));
    assert!(
        code == 0 && out.contains("orders.v1.OrderCommandService"),
        "{out}{err}"
    );
}

#[test]
fn hostile_ids_never_get_anywhere() {
    let Some(grpcurl_program) = program("grpcurl") else {
        return;
    };
    let folder = tempfile::tempdir().expect("folder");
    let server = Server::ready(folder.path(), &[]);
    let long = "a".repeat(64 << 10);
    let before = server.digest();
    for id in ["a.b", "*", ">", "../..", "a\\u0000b", &long] {
        for (method, request) in [
            (
                "OrderCommandService/CreateOrder",
                order(id, r#","place":{}"#),
            ),
            (
                "OrderQueryService/GetOrder",
                format!(r#"{{"order_id":"{id}"}}"#),
            ),
            (
                "OrderHistoryService/ListOrderEvents",
                format!(r#"{{"order_id":"{id}"}}"#),
            ),
        ] {
            let (code, out) = grpcurl(&grpcurl_program, &server, method, &request);
            assert_ne!(code, 0, "{method} took {}", &id[..id.len().min(9)]);
            assert!(
                out.contains("InvalidArgument") && out.contains("order_id"),
                "{out}"
            );
        }
    }
    assert_eq!(server.digest(), before);
}

const SERVICES: [&str; 8] = [
    "",
    "readiness",
    "startup",
    "liveness",
    "orders.v1.OrderCommandService",
    "orders.v1.OrderQueryService",
    "orders.v1.OrderHistoryService",
    "orders.v1.OrderReportService",
];

#[test]
fn grpc_health_probe_before_and_during_the_drain() {
    let Some(probe) = program("grpc-health-probe") else {
        return;
    };
    let folder = tempfile::tempdir().expect("folder");
    let mut server = Server::ready(folder.path(), &["shutdown.termination_delay=3s"]);
    let ask = |server: &Server, address: &str, service: &str| {
        let (addr, service) = (format!("-addr={address}"), format!("-service={service}"));
        let theirs = run(Command::new(&probe).args([&addr, &service])).0;
        let ours = run(orders().args(["healthcheck", &addr, &service])).0;
        assert_eq!(theirs, ours, "{service} {}", server.log());
        theirs
    };
    for address in [&server.grpc, &server.health] {
        for service in SERVICES {
            assert_eq!(ask(&server, address, service), 0, "{service}");
        }
        assert_eq!(ask(&server, address, "orders.v1.Unknown"), 3);
    }
    server.terminate();
    wait_until("readiness has fallen", || {
        server.healthcheck("readiness") == 4
    });
    let liveness = [
        format!("-addr={}", server.health),
        "-service=liveness".to_owned(),
    ];
    assert_eq!(
        run(Command::new(&probe).args(liveness)).0,
        0,
        "draining is alive"
    );
    assert_eq!(server.wait(), 0);
}

#[test]
fn the_admin_port_answers_probes_and_metrics() {
    let folder = tempfile::tempdir().expect("folder");
    let server = Server::ready(folder.path(), &[]);
    server.client(&["place", "--line", "MUG:1:1"]);
    server.digest();
    let get = |path: &str| {
        let mut stream = TcpStream::connect(&server.admin).expect("connected");
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        )
        .expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("read");
        answer
    };
    for path in ["/startupz", "/livez", "/readyz"] {
        assert!(
            get(path).starts_with("HTTP/1.1 200"),
            "{path}: {}",
            get(path)
        );
    }
    assert!(get("/nowhere").starts_with("HTTP/1.1 404"));
    let metrics = get("/metrics");
    for line in [
        r#"orders_commands_total{command="CreateOrder",outcome="stored",reason=""} 1"#,
        "orders_read_model_lag_commits 0",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
}

#[test]
fn a_service_waits_for_its_nats_server() {
    let folder = tempfile::tempdir().expect("folder");
    let Some(mut nats) = Nats::new(folder.path()) else {
        return;
    };
    let url = format!("nats.url={}", nats.url());
    let mut server = Server::launch(folder.path(), &[&url]);
    wait_until("it has started", || server.healthcheck("startup") == 0);
    wait_until("a third try is announced", || {
        server.log().contains("\"attempt\":3")
    });
    assert_eq!(server.healthcheck("liveness"), 0);
    assert_eq!(server.healthcheck("readiness"), 4);
    nats.start();
    server.wait_ready();
    server.client(&["place", "--line", "MUG:2:4.95", "--order-id", "late-1"]);
    server.stop();
}

#[test]
fn a_view_that_is_gone_takes_the_node_out_of_rotation_until_it_is_made_anew() {
    let folder = tempfile::tempdir().expect("folder");
    let Some(mut nats) = Nats::new(folder.path()) else {
        return;
    };
    nats.start();
    let mut server = Server::ready(folder.path(), &[&format!("nats.url={}", nats.url())]);
    server.client(&["place", "--line", "MUG:2:4.95", "--order-id", "kept-1"]);
    let digest = server.digest();
    server.stop();
    nats.stop();
    std::fs::remove_dir_all(server.data().join("read-model")).expect("removed");
    server.start();
    wait_until("it has started", || server.healthcheck("startup") == 0);
    // An intact view would serve without its log after ten seconds; none at all does not.
    wait_until("a fifth try is announced", || {
        server.log().contains("\"attempt\":5")
    });
    for service in ["readiness", "orders.v1.OrderQueryService"] {
        assert_eq!(server.healthcheck(service), 4, "{service}");
    }
    nats.start();
    server.wait_ready();
    server.client(&["get", "kept-1"]);
    assert_eq!(server.digest(), digest);
}

#[test]
fn a_stop_while_waiting_for_nats_is_clean() {
    let folder = tempfile::tempdir().expect("folder");
    let Some(nats) = Nats::new(folder.path()) else {
        return;
    };
    let mut server = Server::launch(folder.path(), &[&format!("nats.url={}", nats.url())]);
    wait_until("it has started", || server.healthcheck("startup") == 0);
    server.stop();
}

#[test]
fn two_nodes_on_one_nats_converge_and_survive_an_outage() {
    let folder = tempfile::tempdir().expect("folder");
    let Some(mut nats) = Nats::new(folder.path()) else {
        return;
    };
    nats.start();
    let url = format!("nats.url={}", nats.url());
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    std::fs::create_dir_all(&one)
        .and_then(|()| std::fs::create_dir_all(&two))
        .expect("folders");
    let a = Server::ready(&one, &[&url]);
    let b = Server::ready(&two, &[&url]);
    let place = |server: &Server, id: &str| {
        let server = format!("http://{}", server.grpc);
        run(orders()
            .args([
                "place",
                "--line",
                "MUG:1:1",
                "--order-id",
                id,
                "--request-id",
                id,
            ])
            .args(["--addr", &server]))
    };
    for n in 0..20 {
        let server = if n % 2 == 0 { &a } else { &b };
        assert_eq!(place(server, &format!("both-{n}")).0, 0);
    }
    assert_eq!(a.digest(), b.digest());

    nats.stop();
    wait_until("a command is refused at once", || {
        let (code, _, err) = place(&a, "away-1");
        code != 0 && err.contains("LOG_UNAVAILABLE")
    });
    a.client(&["get", "both-1"]);
    assert_eq!(a.healthcheck("readiness"), 0, "{}", a.log());
    nats.start();
    wait_until("commands are taken again", || place(&a, "away-1").0 == 0);
    assert_eq!(
        place(&b, "away-1").0,
        0,
        "the same request on the other node is replayed"
    );
    wait_until("both nodes agree", || a.digest() == b.digest());
}
