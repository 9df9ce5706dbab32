//! Random histories: scripts of commands, some of which the write side refuses.

use proptest::prelude::*;
use proto::v1;
use proto::v1::order_command_service_server::OrderCommandService as _;
use tonic::Request;

use crate::world::World;

pub(crate) const CUSTOMERS: [&str; 4] = ["", "c1", "c2", "ada"];
pub(crate) const CHANNELS: [&str; 3] = ["", "web", "EIRE"];
pub(crate) const CURRENCIES: [&str; 2] = ["GBP", "EUR"];
pub(crate) const SKUS: [&str; 4] = ["A1", "B2", "C 3", "85123A"];
pub(crate) const TAGS: [&str; 3] = ["vip", "late", "x"];

/// What is done next.
#[derive(Clone, Debug)]
pub(crate) enum Do {
    Create {
        draft: bool,
        picks: [usize; 4],
        /// Quantity and price of up to three lines.
        lines: Vec<(usize, i64, i64)>,
        backdated: i64,
    },
    Place,
    Pay {
        part: bool,
        capture: bool,
    },
    Capture,
    Refund {
        amount: i64,
    },
    Ship {
        all: bool,
    },
    Close {
        failed: bool,
    },
    CancelItems,
    CancelOrder,
    Return,
    Receive,
    Hold(i32),
    Release(i32),
    Annotate {
        tag: usize,
        remove: bool,
    },
    Nothing,
}

/// One step: which order, after how many microseconds, what.
pub(crate) type Step = (usize, i64, Do);

pub(crate) fn order_id(index: usize) -> String {
    // Not in the order of creation, and some are prefixes of others.
    [
        "m", "a", "m1", "Z", "0", "zz", "m10", "k", "b-", "b_", "B", "9",
    ][index % 12]
        .to_owned()
}

pub(crate) fn script(steps: usize) -> impl Strategy<Value = Vec<Step>> {
    let creations: Vec<_> = (0..12)
        .map(|index| (Just(index), gap(), create()))
        .collect();
    (
        creations,
        prop::collection::vec((0..12_usize, gap(), step()), steps),
    )
        .prop_map(|(mut creations, steps)| {
            creations.extend(steps);
            creations
        })
}

/// Often no time at all, so that ties happen.
fn gap() -> impl Strategy<Value = i64> {
    prop_oneof![3 => Just(0_i64), 2 => 1..5_000_000_i64, 1 => 3_600_000_000..100_000_000_000_i64]
}

fn create() -> impl Strategy<Value = Do> {
    let lines = prop::collection::vec((0..4_usize, 1..4_i64, 0..3_i64), 1..4);
    (any::<bool>(), any::<[usize; 4]>(), lines, 0..3_i64).prop_map(
        |(draft, picks, lines, backdated)| Do::Create {
            draft,
            picks,
            lines,
            backdated: backdated * 40_000_000_000,
        },
    )
}

fn step() -> impl Strategy<Value = Do> {
    prop_oneof![
        2 => Just(Do::Place),
        3 => (any::<bool>(), any::<bool>()).prop_map(|(part, capture)| Do::Pay { part, capture }),
        1 => Just(Do::Capture),
        1 => (1..300_i64).prop_map(|amount| Do::Refund { amount }),
        3 => any::<bool>().prop_map(|all| Do::Ship { all }),
        3 => any::<bool>().prop_map(|failed| Do::Close { failed }),
        1 => Just(Do::CancelItems),
        1 => Just(Do::CancelOrder),
        1 => Just(Do::Return),
        1 => Just(Do::Receive),
        1 => (1..6).prop_map(Do::Hold),
        1 => (1..6).prop_map(Do::Release),
        1 => (0..3_usize, any::<bool>()).prop_map(|(tag, remove)| Do::Annotate { tag, remove }),
        1 => Just(Do::Nothing),
    ]
}

pub(crate) fn context(request_id: String) -> Option<v1::CommandContext> {
    Some(v1::CommandContext {
        request_id,
        ..v1::CommandContext::default()
    })
}

pub(crate) fn money(currency: &str, minor_units: i64) -> Option<v1::Money> {
    Some(v1::Money {
        currency_code: currency.to_owned(),
        minor_units,
    })
}

impl World {
    /// Runs a script; answers the tokens of the commands that were accepted.
    pub(crate) async fn run(&self, script: &[Step]) -> Vec<(String, String)> {
        let mut tokens = Vec::new();
        for (index, (of, gap, what)) in script.iter().enumerate() {
            self.pass(*gap);
            let id = order_id(*of);
            if let Some(receipt) = self.step(&id, index, what).await {
                tokens.push((id, receipt.consistency_token));
            }
        }
        tokens
    }

    async fn step(&self, id: &str, index: usize, what: &Do) -> Option<v1::Receipt> {
        let order = match what {
            Do::Create { .. } => v1::Order::default(),
            _later => crate::world::shown(id, &self.folded(id).await?),
        };
        let (order_id, context) = (id.to_owned(), context(format!("r{index}")));
        let psp_reference = format!("psp-{}", index % 40);
        let currency = order.currency_code.clone();
        let commands = &self.commands;
        macro_rules! send {
            ($method:ident, $request:expr) => {
                commands
                    .$method(Request::new($request))
                    .await
                    .ok()?
                    .into_inner()
                    .receipt
            };
        }
        match what {
            Do::Create { .. } => send!(create_order, self.creation(id, index, what)),
            Do::Place => send!(
                place_order,
                v1::PlaceOrderRequest {
                    order_id,
                    context,
                    ..Default::default()
                }
            ),
            Do::Pay { part, capture } => {
                let due = order.totals?.balance?.minor_units;
                let amount = money(&currency, if *part { due / 2 } else { due });
                let (method, capture) = ("card".to_owned(), *capture);
                send!(
                    authorize_payment,
                    v1::AuthorizePaymentRequest {
                        order_id,
                        context,
                        amount,
                        method,
                        psp_reference,
                        capture,
                        ..Default::default()
                    }
                )
            }
            Do::Capture => {
                let payment = order.payments.last()?;
                let (payment_id, amount) = (payment.payment_id.clone(), payment.authorized.clone());
                send!(
                    capture_payment,
                    v1::CapturePaymentRequest {
                        order_id,
                        context,
                        payment_id,
                        amount,
                        psp_reference
                    }
                )
            }
            Do::Refund { amount } => {
                let payment_id = order.payments.first()?.payment_id.clone();
                let owed = -order.totals?.balance?.minor_units;
                let (kind, amount) = if owed > 0 {
                    (v1::RefundKind::Credit, owed)
                } else {
                    (v1::RefundKind::Goodwill, *amount)
                };
                let (kind, amount) = (kind.into(), money(&currency, amount));
                send!(
                    refund_payment,
                    v1::RefundPaymentRequest {
                        order_id,
                        context,
                        payment_id,
                        amount,
                        kind,
                        psp_reference,
                        ..Default::default()
                    }
                )
            }
            Do::Ship { all } => {
                let lines = if *all { order.lines.len() } else { 1 };
                let items = units(&order, lines, |l| {
                    l.quantity - l.cancelled_quantity - l.shipped_quantity
                });
                let tracking_number = format!("psp-{}", index % 40);
                send!(
                    ship_items,
                    v1::ShipItemsRequest {
                        order_id,
                        context,
                        items,
                        tracking_number,
                        ..Default::default()
                    }
                )
            }
            Do::Close { failed } => {
                let shipment = order.shipments.iter().find(|s| s.close_time.is_none())?;
                let outcome = if *failed {
                    v1::ShipmentOutcome::Failed
                } else {
                    v1::ShipmentOutcome::Delivered
                };
                let (shipment_id, outcome) = (shipment.shipment_id.clone(), outcome.into());
                send!(
                    close_shipment,
                    v1::CloseShipmentRequest {
                        order_id,
                        context,
                        shipment_id,
                        outcome
                    }
                )
            }
            Do::CancelItems => {
                let items = units(&order, 1, |_line| 1);
                let cancel_reason = v1::CancelReason::Customer.into();
                send!(
                    cancel_items,
                    v1::CancelItemsRequest {
                        order_id,
                        context,
                        items,
                        cancel_reason
                    }
                )
            }
            Do::CancelOrder => {
                let cancel_reason = v1::CancelReason::Fraud.into();
                send!(
                    cancel_order,
                    v1::CancelOrderRequest {
                        order_id,
                        context,
                        cancel_reason
                    }
                )
            }
            Do::Return => {
                let items = units(&order, 1, |l| {
                    l.delivered_quantity - l.returned_quantity - l.return_open_quantity
                });
                let return_reason = v1::ReturnReason::Damaged.into();
                send!(
                    request_return,
                    v1::RequestReturnRequest {
                        order_id,
                        context,
                        items,
                        return_reason,
                        ..Default::default()
                    }
                )
            }
            Do::Receive => {
                let open = order.returns.iter().find(|r| r.open)?;
                let (return_id, received) = (open.return_id.clone(), open.requested.clone());
                send!(
                    receive_return,
                    v1::ReceiveReturnRequest {
                        order_id,
                        context,
                        return_id,
                        received
                    }
                )
            }
            Do::Hold(hold_reason) => {
                let hold_reason = *hold_reason;
                send!(
                    hold_order,
                    v1::HoldOrderRequest {
                        order_id,
                        context,
                        hold_reason
                    }
                )
            }
            Do::Release(hold_reason) => {
                let hold_reason = *hold_reason;
                send!(
                    release_order,
                    v1::ReleaseOrderRequest {
                        order_id,
                        context,
                        hold_reason
                    }
                )
            }
            Do::Annotate { tag, remove } => {
                let tags = vec![TAGS[*tag].to_owned()];
                let (add_tags, remove_tags) = if *remove {
                    (vec![], tags)
                } else {
                    (tags, vec![])
                };
                send!(
                    annotate_order,
                    v1::AnnotateOrderRequest {
                        order_id,
                        context,
                        add_tags,
                        remove_tags,
                        ..Default::default()
                    }
                )
            }
            // A commit without events: its tag is there already.
            Do::Nothing => {
                let add_tags = order.tags.first().cloned().into_iter().collect();
                send!(
                    annotate_order,
                    v1::AnnotateOrderRequest {
                        order_id,
                        context,
                        add_tags,
                        ..Default::default()
                    }
                )
            }
        }
    }

    fn creation(&self, id: &str, index: usize, what: &Do) -> v1::CreateOrderRequest {
        let Do::Create {
            draft,
            picks,
            lines,
            backdated,
        } = what
        else {
            return v1::CreateOrderRequest::default();
        };
        let [customer, channel, currency, tag] = *picks;
        let currency = CURRENCIES[currency % 2];
        let line = |&(sku, quantity, price): &(usize, i64, i64)| v1::NewLine {
            sku: SKUS[sku].to_owned(),
            title: "thing".to_owned(),
            quantity,
            unit_price: money(currency, price * 100),
            ..v1::NewLine::default()
        };
        let occurred = self.clock.load(std::sync::atomic::Ordering::SeqCst) - backdated;
        let customer_id = CUSTOMERS[customer % 4].to_owned();
        v1::CreateOrderRequest {
            context: Some(v1::CommandContext {
                occur_time: Some(crate::world::time(occurred)),
                ..context(format!("r{index}")).unwrap_or_default()
            }),
            order_id: id.to_owned(),
            channel: CHANNELS[channel % 3].to_owned(),
            currency_code: currency.to_owned(),
            payment_terms: v1::PaymentTerms::OnAccount.into(),
            customer: (!customer_id.is_empty()).then(|| v1::Customer {
                customer_id,
                ..Default::default()
            }),
            lines: lines.iter().map(line).collect(),
            tags: TAGS
                .iter()
                .take(tag % 3)
                .map(|tag| (*tag).to_owned())
                .collect(),
            place: (!draft).then(v1::Placing::default),
            ..v1::CreateOrderRequest::default()
        }
    }
}

/// As many units as `of` says, of the first lines that have some.
fn units(order: &v1::Order, lines: usize, of: impl Fn(&v1::Line) -> i64) -> Vec<v1::LineQuantity> {
    let some = order.lines.iter().filter(|line| of(line) > 0);
    let item = |line: &v1::Line| v1::LineQuantity {
        line_id: line.line_id.clone(),
        quantity: of(line),
    };
    some.take(lines).map(item).collect()
}

/// An order with everything in it that a simple test looks for.
pub(crate) fn creation(order_id: &str) -> v1::CreateOrderRequest {
    v1::CreateOrderRequest {
        context: context(format!("create-{order_id}")),
        order_id: order_id.to_owned(),
        currency_code: "GBP".to_owned(),
        payment_terms: v1::PaymentTerms::OnAccount.into(),
        lines: vec![v1::NewLine {
            sku: "A1".to_owned(),
            title: "mug".to_owned(),
            quantity: 2,
            unit_price: money("GBP", 255),
            ..v1::NewLine::default()
        }],
        ..v1::CreateOrderRequest::default()
    }
}

impl World {
    /// Makes an order; answers its receipt.
    pub(crate) async fn create(&self, request: v1::CreateOrderRequest) -> v1::Receipt {
        let reply = self.commands.create_order(Request::new(request)).await;
        reply
            .expect("created")
            .into_inner()
            .receipt
            .expect("receipt")
    }

    pub(crate) async fn draft(&self, order_id: &str) -> v1::Receipt {
        self.create(creation(order_id)).await
    }

    pub(crate) async fn place(&self, order_id: &str) -> v1::Receipt {
        let place = Some(v1::Placing::default());
        self.create(v1::CreateOrderRequest {
            place,
            ..creation(order_id)
        })
        .await
    }

    /// 400 lines with long titles.
    pub(crate) async fn place_large(&self, order_id: &str) -> v1::Receipt {
        let mut request = creation(order_id);
        request.lines[0].title = "x".repeat(250);
        request.lines = vec![request.lines[0].clone(); 400];
        request.place = Some(v1::Placing::default());
        self.create(request).await
    }

    /// Tags an order; answers the receipt.
    pub(crate) async fn tag(&self, order_id: &str, tag: &str) -> v1::Receipt {
        let request = v1::AnnotateOrderRequest {
            order_id: order_id.to_owned(),
            add_tags: vec![tag.to_owned()],
            ..v1::AnnotateOrderRequest::default()
        };
        let reply = self.commands.annotate_order(Request::new(request)).await;
        reply
            .expect("annotated")
            .into_inner()
            .receipt
            .expect("receipt")
    }
}
