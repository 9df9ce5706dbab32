//! Laws that hold for every sequence of commands.

use command::CommandService;
use proptest::prelude::*;
use proto::v1;
use proto::v1::edit_action::Action;
use proto::v1::order_command_service_server::OrderCommandService;
use tonic::{Request, Status};

use crate::fixture::{World, create, gbp, line};

/// A receipt, the reply's money, and its ids.
type Reply = (v1::Receipt, String, Vec<String>);

macro_rules! ops {
    ($($name:ident($request:ident) by $method:ident, $reply:ident => $money:expr, $ids:expr;)*) => {
        #[derive(Clone, Debug)]
        #[allow(clippy::large_enum_variant, reason = "a test's value, boxed nowhere")]
        enum Op { $($name(v1::$request)),* }

        impl Op {
            fn context(&mut self) -> &mut v1::CommandContext {
                match self { $(Self::$name(request) => request.context.get_or_insert_default()),* }
            }

            async fn send(&self, node: &CommandService) -> Result<Reply, Status> {
                match self {
                    $(Self::$name(request) => {
                        let $reply = node.$method(Request::new(request.clone())).await?.into_inner();
                        let money = format!("{:?}", $money);
                        let ids: Vec<String> = $ids;
                        Ok(($reply.receipt.clone().expect("receipt"), money, ids))
                    })*
                }
            }
        }
    };
}

ops! {
    Create(CreateOrderRequest) by create_order, r => r.totals, r.line_ids.clone();
    Edit(EditOrderRequest) by edit_order, r => r.totals, r.line_ids.clone();
    Place(PlaceOrderRequest) by place_order, r => r.totals, vec![];
    Authorize(AuthorizePaymentRequest) by authorize_payment, r => (), vec![r.payment_id.clone()];
    Capture(CapturePaymentRequest) by capture_payment, r => (), vec![];
    Void(VoidPaymentRequest) by void_payment, r => (), vec![];
    Fail(FailPaymentRequest) by fail_payment, r => (), vec![];
    Refund(RefundPaymentRequest) by refund_payment, r => (), vec![];
    Ship(ShipItemsRequest) by ship_items, r => (), vec![r.shipment_id.clone()];
    Close(CloseShipmentRequest) by close_shipment, r => (), vec![];
    CancelItems(CancelItemsRequest) by cancel_items, r => (), vec![];
    Cancel(CancelOrderRequest) by cancel_order, r => (), vec![];
    Return(RequestReturnRequest) by request_return, r => (), vec![r.return_id.clone()];
    Receive(ReceiveReturnRequest) by receive_return, r => r.value, vec![];
    Hold(HoldOrderRequest) by hold_order, r => (), vec![];
    Release(ReleaseOrderRequest) by release_order, r => (), vec![];
    Annotate(AnnotateOrderRequest) by annotate_order, r => (), vec![];
    Erase(ErasePersonalDataRequest) by erase_personal_data, r => (), vec![];
}

const ID: &str = "o1";

fn items(line: i64, quantity: i64) -> Vec<v1::LineQuantity> {
    vec![v1::LineQuantity {
        line_id: format!("L{line}"),
        quantity,
    }]
}

/// One command out of small numbers, so that ids and guards are often met and often missed.
fn op(kind: u8, n: i64, m: i64) -> Op {
    match kind {
        0..=3 => compose(kind, n, m),
        4..=7 => pay(kind, n, m),
        8..=15 => fulfil(kind, n, m),
        _ => operate(kind, n, m),
    }
}

fn compose(kind: u8, n: i64, m: i64) -> Op {
    let order_id = ID.to_owned();
    match kind {
        0 => Op::Create(v1::CreateOrderRequest {
            place: (n == 1).then(v1::Placing::default),
            ..create(ID, "")
        }),
        1 => {
            let action = match n {
                1 => Action::AddLine(line("C3", m, 99)),
                2 => Action::SetQuantity(v1::edit_action::SetQuantity {
                    line_id: "L1".into(),
                    quantity: m,
                }),
                _ => Action::RemoveLine(v1::edit_action::RemoveLine {
                    line_id: format!("L{m}"),
                }),
            };
            let actions = vec![v1::EditAction {
                action: Some(action),
            }];
            Op::Edit(v1::EditOrderRequest {
                order_id,
                actions,
                ..Default::default()
            })
        }
        _ => Op::Place(v1::PlaceOrderRequest {
            order_id,
            ..Default::default()
        }),
    }
}

fn pay(kind: u8, n: i64, m: i64) -> Op {
    let order_id = ID.to_owned();
    let part = |letter: char| format!("{letter}{n}");
    let psp_reference = format!("psp{m}");
    match kind {
        4 => Op::Authorize(v1::AuthorizePaymentRequest {
            order_id,
            amount: gbp(m * 300),
            method: "card".into(),
            psp_reference,
            capture: n == 1,
            ..Default::default()
        }),
        5 => Op::Capture(v1::CapturePaymentRequest {
            order_id,
            payment_id: part('P'),
            amount: gbp(m * 100),
            psp_reference,
            ..Default::default()
        }),
        6 => Op::Void(v1::VoidPaymentRequest {
            order_id,
            payment_id: part('P'),
            ..Default::default()
        }),
        _ => Op::Refund(v1::RefundPaymentRequest {
            order_id,
            payment_id: part('P'),
            amount: gbp(m),
            kind: 1 + i32::from(n == 1),
            psp_reference,
            ..Default::default()
        }),
    }
}

fn fulfil(kind: u8, n: i64, m: i64) -> Op {
    let order_id = ID.to_owned();
    let part = |letter: char| format!("{letter}{n}");
    match kind {
        8 | 9 => Op::Ship(v1::ShipItemsRequest {
            order_id,
            items: items(n, m),
            ..Default::default()
        }),
        10 | 11 => Op::Close(v1::CloseShipmentRequest {
            order_id,
            shipment_id: part('S'),
            outcome: 1 + i32::from(m == 3),
            ..Default::default()
        }),
        12 => Op::CancelItems(v1::CancelItemsRequest {
            order_id,
            items: items(n, m),
            cancel_reason: 1,
            ..Default::default()
        }),
        13 => Op::Cancel(v1::CancelOrderRequest {
            order_id,
            cancel_reason: 1,
            ..Default::default()
        }),
        14 => Op::Return(v1::RequestReturnRequest {
            order_id,
            items: items(n, m),
            return_reason: 1,
            ..Default::default()
        }),
        _ => Op::Receive(v1::ReceiveReturnRequest {
            order_id,
            return_id: part('R'),
            received: items(m, 1),
            ..Default::default()
        }),
    }
}

fn operate(kind: u8, n: i64, m: i64) -> Op {
    let order_id = ID.to_owned();
    let part = |letter: char| format!("{letter}{n}");
    match kind {
        16 => Op::Hold(v1::HoldOrderRequest {
            order_id,
            hold_reason: 1,
            ..Default::default()
        }),
        17 => Op::Release(v1::ReleaseOrderRequest {
            order_id,
            hold_reason: 1,
            ..Default::default()
        }),
        18 => Op::Annotate(v1::AnnotateOrderRequest {
            order_id,
            add_tags: vec![part('t')],
            note: if m == 1 {
                "a note".into()
            } else {
                String::new()
            },
            ..Default::default()
        }),
        19 => Op::Fail(v1::FailPaymentRequest {
            order_id,
            amount: gbp(m),
            method: "card".into(),
            psp_reference: format!("psp{m}"),
            decline_code: "51".into(),
            ..Default::default()
        }),
        _ => Op::Erase(v1::ErasePersonalDataRequest {
            order_id,
            ..Default::default()
        }),
    }
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    prop::collection::vec((0_u8..21, 1_i64..4, 1_i64..4), 1..40).prop_map(|picks| {
        let mut ops = vec![op(0, picks[0].1, 1)];
        ops.extend(picks.into_iter().map(|(kind, n, m)| op(kind, n, m)));
        for (index, op) in ops.iter_mut().enumerate() {
            op.context().request_id = format!("r{index}");
        }
        ops
    })
}

fn run<F: Future<Output = ()>>(test: impl FnOnce() -> F) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime")
        .block_on(test());
}

/// What can be seen of an order from outside.
async fn trace(world: &World) -> (usize, bool) {
    let key = matches!(world.key(ID).await, event_store::KeyState::Live(_));
    (world.log.everything().await.len(), key)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// A refused command changes nothing; validating predicts the reply and changes nothing; a
    /// command sent twice has one effect and equal replies, on any node.
    #[test]
    fn refusing_validating_and_repeating_leave_no_trace(ops in ops()) {
        run(|| async move {
            let world = World::new();
            for op in ops {
                let before = trace(&world).await;
                let mut dry = op.clone();
                dry.context().validate_only = true;
                let predicted = dry.send(&world.node).await;
                assert_eq!(trace(&world).await, before, "validating leaves no trace");
                match (op.send(&world.node).await, predicted) {
                    (Ok(first), Ok(predicted)) => {
                        let numbers = |reply: &Reply| {
                            (reply.0.version, reply.0.event_count, reply.1.clone())
                        };
                        assert_eq!(numbers(&first), numbers(&predicted));
                        assert_eq!(predicted.0.consistency_token, "");
                        repeats(&world, &op, first).await;
                    }
                    (Err(status), Err(predicted)) => {
                        assert_eq!((status.code(), status.message()), (predicted.code(), predicted.message()));
                        assert_eq!(trace(&world).await, before, "a refusal leaves no trace");
                    }
                    differ => panic!("validated and real replies differ: {differ:?}"),
                }
            }
        });
    }

    /// Whatever the interleaving of clients on two nodes, the end is that of a serial run in the
    /// order of the log.
    #[test]
    fn every_interleaving_has_a_serial_twin(ops in ops()) {
        run(|| async move {
            let world = World::new();
            let nodes = [world.node.clone(), world.another_node()];
            let clients = ops.iter().enumerate().map(|(index, op)| {
                let node = &nodes[index % nodes.len()];
                async move {
                    while let Err(status) = op.send(node).await {
                        if status.code() != tonic::Code::Aborted {
                            break;
                        }
                    }
                }
            });
            futures::future::join_all(clients).await;
            let serial = World::new();
            let concurrent = events(&world).await;
            for (request_id, _) in &concurrent {
                let index: usize = request_id[1..].parse().expect("a number");
                ops[index].send(&serial.node).await.expect("accepted in the same place");
            }
            assert_eq!(events(&serial).await, concurrent);
        });
    }
}

async fn repeats(world: &World, op: &Op, first: Reply) {
    let after = trace(world).await;
    for node in [world.node.clone(), world.another_node()] {
        let mut again = op.send(&node).await.expect("replayed");
        assert!(std::mem::take(&mut again.0.replayed));
        assert_eq!(again, first);
    }
    assert_eq!(trace(world).await, after, "one effect");
}

/// Request id and event names of each commit, in the log's order.
async fn events(world: &World) -> Vec<(String, Vec<&'static str>)> {
    let stored = world.log.stream(ID).await;
    let commits = stored.iter().map(|record| {
        let commit = proto::commit::decode(&record.payload).expect("decodes");
        let request_id = commit.request_id.expect("given").to_string();
        (
            request_id,
            commit.events.iter().map(order::Event::name).collect(),
        )
    });
    commits.collect()
}
