//! Random histories: scripts of commands, some of which the write side refuses.

use proptest::prelude::*;
use proto::v1;
use proto::v1::order_command_service_server::OrderCommandService as _;
use tonic::Request;

use crate::fixture::{context, money};
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

/// What every command of a step says.
struct At {
    order_id: String,
    context: Option<v1::CommandContext>,
    reference: String,
}

/// Sends a command; its receipt, or nothing when it is refused.
macro_rules! send {
    ($world:ident, $method:ident, $request:expr) => {{
        let reply = $world.commands.$method(Request::new($request)).await;
        reply.ok()?.into_inner().receipt
    }};
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
        let at = At {
            order_id: id.to_owned(),
            context: context(format!("r{index}")),
            reference: format!("psp-{}", index % 40),
        };
        if let Do::Create { .. } = what {
            return send!(self, create_order, self.creation(id, index, what));
        }
        let order = crate::world::shown(id, &self.folded(id).await?);
        match what {
            Do::Create { .. } => None,
            Do::Pay { .. } | Do::Capture | Do::Refund { .. } => self.pay(at, &order, what).await,
            Do::Ship { .. } | Do::Close { .. } => self.ship(at, &order, what).await,
            Do::CancelItems | Do::CancelOrder => self.cancel(at, &order, what).await,
            Do::Return | Do::Receive => self.take_back(at, &order, what).await,
            Do::Place => {
                let request = v1::PlaceOrderRequest {
                    order_id: at.order_id,
                    context: at.context,
                    ..v1::PlaceOrderRequest::default()
                };
                send!(self, place_order, request)
            }
            Do::Hold(_) | Do::Release(_) => self.hold(at, what).await,
            Do::Annotate { .. } | Do::Nothing => self.annotate(at, &order, what).await,
        }
    }

    async fn pay(&self, at: At, order: &v1::Order, what: &Do) -> Option<v1::Receipt> {
        let (order_id, context, psp_reference) = (at.order_id, at.context, at.reference);
        let currency = &order.currency_code;
        let balance = order.totals.as_ref()?.balance.as_ref()?.minor_units;
        if let Do::Pay { part, capture } = what {
            let amount = if *part { balance / 2 } else { balance };
            let request = v1::AuthorizePaymentRequest {
                order_id,
                context,
                amount: money(currency, amount),
                method: "card".to_owned(),
                psp_reference,
                capture: *capture,
                ..v1::AuthorizePaymentRequest::default()
            };
            return send!(self, authorize_payment, request);
        }
        let payment = order.payments.last()?;
        let payment_id = payment.payment_id.clone();
        if let Do::Refund { amount } = what {
            let (kind, amount) = match -balance {
                owed @ 1.. => (v1::RefundKind::Credit, owed),
                _nothing => (v1::RefundKind::Goodwill, *amount),
            };
            let request = v1::RefundPaymentRequest {
                order_id,
                context,
                payment_id,
                amount: money(currency, amount),
                kind: kind.into(),
                psp_reference,
                ..v1::RefundPaymentRequest::default()
            };
            return send!(self, refund_payment, request);
        }
        let request = v1::CapturePaymentRequest {
            order_id,
            context,
            payment_id,
            amount: payment.authorized.clone(),
            psp_reference,
        };
        send!(self, capture_payment, request)
    }

    async fn ship(&self, at: At, order: &v1::Order, what: &Do) -> Option<v1::Receipt> {
        let (order_id, context) = (at.order_id, at.context);
        if let Do::Ship { all } = what {
            let lines = if *all { order.lines.len() } else { 1 };
            let to_ship =
                |line: &v1::Line| line.quantity - line.cancelled_quantity - line.shipped_quantity;
            let request = v1::ShipItemsRequest {
                order_id,
                context,
                items: units(order, lines, to_ship),
                tracking_number: at.reference,
                ..v1::ShipItemsRequest::default()
            };
            return send!(self, ship_items, request);
        }
        let outcome = match what {
            Do::Close { failed: true } => v1::ShipmentOutcome::Failed,
            _delivered => v1::ShipmentOutcome::Delivered,
        };
        let mut shipments = order.shipments.iter();
        let open = shipments.find(|shipment| shipment.close_time.is_none())?;
        let request = v1::CloseShipmentRequest {
            order_id,
            context,
            shipment_id: open.shipment_id.clone(),
            outcome: outcome.into(),
        };
        send!(self, close_shipment, request)
    }

    async fn cancel(&self, at: At, order: &v1::Order, what: &Do) -> Option<v1::Receipt> {
        let (order_id, context) = (at.order_id, at.context);
        let cancel_reason = v1::CancelReason::Customer.into();
        if let Do::CancelOrder = what {
            let request = v1::CancelOrderRequest {
                order_id,
                context,
                cancel_reason,
            };
            return send!(self, cancel_order, request);
        }
        let request = v1::CancelItemsRequest {
            order_id,
            context,
            items: units(order, 1, |_line| 1),
            cancel_reason,
        };
        send!(self, cancel_items, request)
    }

    async fn take_back(&self, at: At, order: &v1::Order, what: &Do) -> Option<v1::Receipt> {
        let (order_id, context) = (at.order_id, at.context);
        if let Do::Receive = what {
            let open = order.returns.iter().find(|found| found.open)?;
            let request = v1::ReceiveReturnRequest {
                order_id,
                context,
                return_id: open.return_id.clone(),
                received: open.requested.clone(),
            };
            return send!(self, receive_return, request);
        }
        let left = |line: &v1::Line| {
            line.delivered_quantity - line.returned_quantity - line.return_open_quantity
        };
        let request = v1::RequestReturnRequest {
            order_id,
            context,
            items: units(order, 1, left),
            return_reason: v1::ReturnReason::Damaged.into(),
            ..v1::RequestReturnRequest::default()
        };
        send!(self, request_return, request)
    }

    async fn hold(&self, at: At, what: &Do) -> Option<v1::Receipt> {
        let (order_id, context) = (at.order_id, at.context);
        match what {
            &Do::Hold(hold_reason) => {
                let request = v1::HoldOrderRequest {
                    order_id,
                    context,
                    hold_reason,
                };
                send!(self, hold_order, request)
            }
            &Do::Release(hold_reason) => {
                let request = v1::ReleaseOrderRequest {
                    order_id,
                    context,
                    hold_reason,
                };
                send!(self, release_order, request)
            }
            _other => None,
        }
    }

    async fn annotate(&self, at: At, order: &v1::Order, what: &Do) -> Option<v1::Receipt> {
        let (add_tags, remove_tags) = match what {
            Do::Annotate { tag, remove: true } => (Vec::new(), vec![TAGS[*tag].to_owned()]),
            Do::Annotate { tag, .. } => (vec![TAGS[*tag].to_owned()], Vec::new()),
            // A commit without events: the tag is there already.
            _nothing => (order.tags.iter().take(1).cloned().collect(), Vec::new()),
        };
        let request = v1::AnnotateOrderRequest {
            order_id: at.order_id,
            context: at.context,
            add_tags,
            remove_tags,
            ..v1::AnnotateOrderRequest::default()
        };
        send!(self, annotate_order, request)
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
