//! Every reason for which a command is refused, and all that a caller is told with it.
//!
//! An answer is compared as one line: code, reason, metadata, then the detail that §7 of the error
//! registry promises for the code.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use event_store::{CommitId, EventStore as _, NewRecord, StreamId};
use proto::v1;
use proto::v1::order_command_service_server::OrderCommandService as _;
use tonic::{Request, Response, Status};
use tonic_types::StatusExt as _;

use crate::fixture::{Fault, World, annotate, create, gbp, hold, line};

/// The reasons that a command can be refused for.
const REASONS: [&str; 38] = [
    "AMOUNT_EXCEEDED",
    "CONTENTION",
    "CURRENCY_MISMATCH",
    "CURRENCY_UNKNOWN",
    "FIELD_INVALID",
    "HOLD_NOT_FOUND",
    "KEYS_UNAVAILABLE",
    "LAST_ITEMS",
    "LIMIT_EXCEEDED",
    "LINE_EXISTS",
    "LINE_NOT_FOUND",
    "LOG_FULL",
    "LOG_UNAVAILABLE",
    "ORDER_EMPTY",
    "ORDER_EXISTS",
    "ORDER_NOT_FOUND",
    "ORDER_ON_HOLD",
    "ORDER_SHIPPED",
    "ORDER_STATE_INVALID",
    "ORDER_UNREADABLE",
    "OUTCOME_UNKNOWN",
    "PAYMENT_CLOSED",
    "PAYMENT_EXISTS",
    "PAYMENT_NOT_COVERED",
    "PAYMENT_NOT_FOUND",
    "PAYMENT_NOT_OVERDUE",
    "PERSONAL_DATA_IN_USE",
    "PSP_REFERENCE_SEEN",
    "QUANTITY_EXCEEDED",
    "REQUEST_ID_REUSED",
    "RETURN_CLOSED",
    "RETURN_EXISTS",
    "RETURN_NOT_FOUND",
    "SHIPMENT_CLOSED",
    "SHIPMENT_EXISTS",
    "SHIPMENT_NOT_FOUND",
    "TOTAL_MISMATCH",
    "VERSION_MISMATCH",
];

/// A world, and the reasons met in it.
struct Book {
    world: World,
    met: BTreeSet<String>,
}

impl std::ops::Deref for Book {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl Book {
    #[track_caller]
    fn tells<T: std::fmt::Debug>(&mut self, result: Result<Response<T>, Status>, expected: &str) {
        let status = result.expect_err(expected);
        assert_eq!(told(&status), expected, "{status:?}");
        let info = status.get_details_error_info().expect("one ErrorInfo");
        assert_eq!(info.domain, "orders.v1");
        // What varies in a message stands in the metadata, too, where programs find it.
        for word in status.message().split([' ', ';', ',']) {
            let varies = word
                .chars()
                .any(|c| c.is_ascii_digit() || c.is_ascii_uppercase());
            let known = info.metadata.values().any(|value| value.contains(word));
            assert!(
                !varies || known || word == "ISO" || word == "4217",
                "{word}: {status:?}"
            );
        }
        self.met.insert(info.reason);
    }
}

/// An answer on one line.
fn told(status: &Status) -> String {
    let details = status.get_error_details();
    let info = details.error_info().expect("one ErrorInfo");
    let mut metadata: Vec<_> = info
        .metadata
        .iter()
        .map(|(k, v)| format!("{k}={v}"))
        .collect();
    metadata.sort_unstable();
    let mut line = format!(
        "{:?} {} {{{}}}",
        status.code(),
        info.reason,
        metadata.join(" ")
    );
    for violation in details
        .bad_request()
        .iter()
        .flat_map(|it| &it.field_violations)
    {
        line += &format!(" field {}", violation.field);
    }
    if let Some(resource) = details.resource_info() {
        line += &format!(" {} {}", resource.resource_type, resource.resource_name);
    }
    for violation in details
        .precondition_failure()
        .iter()
        .flat_map(|it| &it.violations)
    {
        assert_eq!(violation.r#type, info.reason);
        line += &format!(" on {}", violation.subject);
    }
    if details.retry_info().is_some() {
        line += " retry";
    }
    line
}

fn items(line_id: &str, quantity: i64) -> Vec<v1::LineQuantity> {
    vec![v1::LineQuantity {
        line_id: line_id.into(),
        quantity,
    }]
}

fn edit(order_id: &str, action: v1::edit_action::Action) -> Request<v1::EditOrderRequest> {
    Request::new(v1::EditOrderRequest {
        order_id: order_id.into(),
        context: None,
        actions: vec![v1::EditAction {
            action: Some(action),
        }],
    })
}

fn place(order_id: &str, total: Option<v1::Money>) -> Request<v1::PlaceOrderRequest> {
    Request::new(v1::PlaceOrderRequest {
        order_id: order_id.into(),
        expected_total: total,
        ..Default::default()
    })
}

fn authorize(
    order_id: &str,
    payment_id: &str,
    psp_reference: &str,
    amount: Option<v1::Money>,
) -> Request<v1::AuthorizePaymentRequest> {
    Request::new(v1::AuthorizePaymentRequest {
        order_id: order_id.into(),
        payment_id: payment_id.into(),
        amount,
        method: "card".into(),
        psp_reference: psp_reference.into(),
        ..Default::default()
    })
}

fn void(order_id: &str, payment_id: &str) -> Request<v1::VoidPaymentRequest> {
    Request::new(v1::VoidPaymentRequest {
        order_id: order_id.into(),
        payment_id: payment_id.into(),
        ..Default::default()
    })
}

fn ship(order_id: &str, shipment_id: &str, quantity: i64) -> Request<v1::ShipItemsRequest> {
    Request::new(v1::ShipItemsRequest {
        order_id: order_id.into(),
        shipment_id: shipment_id.into(),
        items: items("L1", quantity),
        ..Default::default()
    })
}

fn close(order_id: &str, shipment_id: &str) -> Request<v1::CloseShipmentRequest> {
    Request::new(v1::CloseShipmentRequest {
        order_id: order_id.into(),
        shipment_id: shipment_id.into(),
        outcome: v1::ShipmentOutcome::Delivered.into(),
        ..Default::default()
    })
}

fn cancel(order_id: &str, reason: v1::CancelReason) -> Request<v1::CancelOrderRequest> {
    Request::new(v1::CancelOrderRequest {
        order_id: order_id.into(),
        context: None,
        cancel_reason: reason.into(),
    })
}

fn request_return(
    order_id: &str,
    return_id: &str,
    quantity: i64,
) -> Request<v1::RequestReturnRequest> {
    Request::new(v1::RequestReturnRequest {
        order_id: order_id.into(),
        return_id: return_id.into(),
        items: items("L1", quantity),
        return_reason: v1::ReturnReason::Unwanted.into(),
        ..Default::default()
    })
}

fn receive(order_id: &str, return_id: &str) -> Request<v1::ReceiveReturnRequest> {
    Request::new(v1::ReceiveReturnRequest {
        order_id: order_id.into(),
        return_id: return_id.into(),
        received: items("L1", 1),
        ..Default::default()
    })
}

fn erase(order_id: &str) -> Request<v1::ErasePersonalDataRequest> {
    Request::new(v1::ErasePersonalDataRequest {
        order_id: order_id.into(),
        context: None,
    })
}

#[tokio::test(start_paused = true)]
async fn every_reason_is_told_with_its_details() {
    let mut book = Book {
        world: World::new(),
        met: BTreeSet::new(),
    };
    requests(&mut book).await;
    composing(&mut book).await;
    money(&mut book).await;
    goods(&mut book).await;
    returns(&mut book).await;
    care(&mut book).await;
    outages(&mut book).await;
    let met: Vec<&str> = book.met.iter().map(String::as_str).collect();
    assert_eq!(met, REASONS);
}

/// Wrong in itself, whatever the order.
async fn requests(book: &mut Book) {
    let mut request = create("o1", "");
    request.lines.iter_mut().for_each(|line| line.quantity = 0);
    let refused = book.node.create_order(Request::new(request)).await;
    book.tells(
        refused,
        "InvalidArgument FIELD_INVALID {field=lines[0].quantity rule=1 to 1000000} \
         field lines[0].quantity field lines[1].quantity",
    );

    let mut request = create("o1", "");
    request.currency_code = "GBX".into();
    let refused = book.node.create_order(Request::new(request)).await;
    book.tells(
        refused,
        "InvalidArgument CURRENCY_UNKNOWN {field=currency_code} field currency_code",
    );

    let mut request = create("o1", "");
    let price = request.lines[1].unit_price.as_mut().expect("priced");
    price.currency_code = "EUR".into();
    let refused = book.node.create_order(Request::new(request)).await;
    book.tells(
        refused,
        "InvalidArgument CURRENCY_MISMATCH \
         {actual=EUR expected=GBP field=lines[1].unit_price.currency_code} \
         field lines[1].unit_price.currency_code",
    );

    book.create("o1").await;
    let reused = annotate("o1", "create-o1", "x");
    let refused = book.node.annotate_order(Request::new(reused)).await;
    book.tells(
        refused,
        "InvalidArgument REQUEST_ID_REUSED {order_id=o1 request_id=create-o1} \
         field context.request_id",
    );

    let mut request = annotate("o1", "", "x");
    request.context.as_mut().expect("context").expected_version = Some(9);
    let refused = book.node.annotate_order(Request::new(request)).await;
    book.tells(
        refused,
        "Aborted VERSION_MISMATCH {current_version=3 expected_version=9}",
    );
}

async fn composing(book: &mut Book) {
    let refused = book
        .node
        .annotate_order(Request::new(annotate("none", "", "x")))
        .await;
    book.tells(refused, "NotFound ORDER_NOT_FOUND {} order orders/none");

    let refused = book
        .node
        .create_order(Request::new(create("o1", "another")))
        .await;
    book.tells(refused, "AlreadyExists ORDER_EXISTS {} order orders/o1");

    let action = v1::edit_action::Action::AddLine(v1::NewLine {
        line_id: "L1".into(),
        ..line("C3", 1, 1)
    });
    let refused = book.node.edit_order(edit("o1", action)).await;
    book.tells(
        refused,
        "AlreadyExists LINE_EXISTS {line_id=L1} line orders/o1/lines/L1",
    );

    let remove = |line_id: &str| {
        v1::edit_action::Action::RemoveLine(v1::edit_action::RemoveLine {
            line_id: line_id.into(),
        })
    };
    let refused = book.node.edit_order(edit("o1", remove("L9"))).await;
    book.tells(
        refused,
        "NotFound LINE_NOT_FOUND {line_id=L9} line orders/o1/lines/L9",
    );

    let refused = book.node.place_order(place("o1", gbp(1))).await;
    book.tells(
        refused,
        "FailedPrecondition TOTAL_MISMATCH {actual=1812 expected=1} on orders/o1",
    );

    for line_id in ["L1", "L2"] {
        book.node
            .edit_order(edit("o1", remove(line_id)))
            .await
            .expect("removed");
    }
    let refused = book.node.place_order(place("o1", None)).await;
    book.tells(refused, "FailedPrecondition ORDER_EMPTY {} on orders/o1");

    let refused = book.node.ship_items(ship("o1", "", 1)).await;
    book.tells(
        refused,
        "FailedPrecondition ORDER_STATE_INVALID {allowed=PLACED state=DRAFT} on orders/o1",
    );

    let mut request = annotate("o1", "", "t0");
    request.add_tags = (0..50).map(|n| format!("t{n}")).collect();
    book.node
        .annotate_order(Request::new(request))
        .await
        .expect("tagged");
    let refused = book
        .node
        .annotate_order(Request::new(annotate("o1", "", "t50")))
        .await;
    book.tells(
        refused,
        "FailedPrecondition LIMIT_EXCEEDED {limit=50 what=tags} on orders/o1",
    );
}

async fn money(book: &mut Book) {
    let mut request = create("paid", "");
    request.payment_terms = v1::PaymentTerms::Prepaid.into();
    request.place = Some(v1::Placing {
        expected_total: gbp(1_812),
        // 2026-01-02T00:00:00Z, a day after the clock
        payment_due_time: Some(prost_types::Timestamp {
            seconds: 1_767_312_000,
            nanos: 0,
        }),
    });
    book.node
        .create_order(Request::new(request))
        .await
        .expect("placed");

    let early = cancel("paid", v1::CancelReason::PaymentTimeout);
    let refused = book.node.cancel_order(early).await;
    book.tells(
        refused,
        "FailedPrecondition PAYMENT_NOT_OVERDUE {due_time=2026-01-02T00:00:00Z} on orders/paid",
    );

    let refused = book.node.ship_items(ship("paid", "", 1)).await;
    book.tells(
        refused,
        "FailedPrecondition PAYMENT_NOT_COVERED {covered=0 required=1812} on orders/paid",
    );

    let refused = book
        .node
        .authorize_payment(authorize("paid", "", "psp-1", gbp(1_813)))
        .await;
    book.tells(
        refused,
        "FailedPrecondition AMOUNT_EXCEEDED {available=1812 requested=1813} on orders/paid",
    );

    let accepted = authorize("paid", "P1", "psp-1", gbp(1_000));
    book.node
        .authorize_payment(accepted)
        .await
        .expect("authorised");
    let refused = book
        .node
        .authorize_payment(authorize("paid", "P1", "psp-2", gbp(1)))
        .await;
    book.tells(
        refused,
        "AlreadyExists PAYMENT_EXISTS {payment_id=P1} payment orders/paid/payments/P1",
    );
    let refused = book
        .node
        .authorize_payment(authorize("paid", "P2", "psp-1", gbp(1)))
        .await;
    book.tells(
        refused,
        "AlreadyExists PSP_REFERENCE_SEEN {psp_reference=psp-1} order orders/paid",
    );

    let refused = book.node.void_payment(void("paid", "P9")).await;
    book.tells(
        refused,
        "NotFound PAYMENT_NOT_FOUND {payment_id=P9} payment orders/paid/payments/P9",
    );
    book.node
        .void_payment(void("paid", "P1"))
        .await
        .expect("released");
    let refused = book.node.void_payment(void("paid", "P1")).await;
    book.tells(
        refused,
        "FailedPrecondition PAYMENT_CLOSED {payment_id=P1} on orders/paid/payments/P1",
    );
}

async fn goods(book: &mut Book) {
    book.place("sent").await;
    let refused = book.node.ship_items(ship("sent", "", 3)).await;
    book.tells(
        refused,
        "FailedPrecondition QUANTITY_EXCEEDED {available=2 line_id=L1 requested=3} \
         on orders/sent/lines/L1",
    );

    let cancel_items = v1::CancelItemsRequest {
        order_id: "sent".into(),
        items: [items("L1", 2), items("L2", 1)].concat(),
        cancel_reason: v1::CancelReason::Customer.into(),
        ..Default::default()
    };
    let refused = book.node.cancel_items(Request::new(cancel_items)).await;
    book.tells(refused, "FailedPrecondition LAST_ITEMS {} on orders/sent");

    book.node
        .ship_items(ship("sent", "S1", 2))
        .await
        .expect("shipped");
    let refused = book
        .node
        .cancel_order(cancel("sent", v1::CancelReason::Customer))
        .await;
    book.tells(
        refused,
        "FailedPrecondition ORDER_SHIPPED {} on orders/sent",
    );

    let mut again = ship("sent", "S1", 1);
    again.get_mut().items = items("L2", 1);
    let refused = book.node.ship_items(again).await;
    book.tells(
        refused,
        "AlreadyExists SHIPMENT_EXISTS {shipment_id=S1} shipment orders/sent/shipments/S1",
    );
    let refused = book.node.close_shipment(close("sent", "S9")).await;
    book.tells(
        refused,
        "NotFound SHIPMENT_NOT_FOUND {shipment_id=S9} shipment orders/sent/shipments/S9",
    );
    book.node
        .close_shipment(close("sent", "S1"))
        .await
        .expect("delivered");
    let refused = book.node.close_shipment(close("sent", "S1")).await;
    book.tells(
        refused,
        "FailedPrecondition SHIPMENT_CLOSED {shipment_id=S1} on orders/sent/shipments/S1",
    );
}

/// Of the order whose first line was delivered.
async fn returns(book: &mut Book) {
    book.node
        .request_return(request_return("sent", "R1", 1))
        .await
        .expect("announced");
    let refused = book
        .node
        .request_return(request_return("sent", "R1", 1))
        .await;
    book.tells(
        refused,
        "AlreadyExists RETURN_EXISTS {return_id=R1} return orders/sent/returns/R1",
    );
    let refused = book.node.receive_return(receive("sent", "R9")).await;
    book.tells(
        refused,
        "NotFound RETURN_NOT_FOUND {return_id=R9} return orders/sent/returns/R9",
    );
    book.node
        .receive_return(receive("sent", "R1"))
        .await
        .expect("received");
    let refused = book.node.receive_return(receive("sent", "R1")).await;
    book.tells(
        refused,
        "FailedPrecondition RETURN_CLOSED {return_id=R1} on orders/sent/returns/R1",
    );
}

async fn care(book: &mut Book) {
    book.place("held").await;
    let release = v1::ReleaseOrderRequest {
        order_id: "held".into(),
        context: None,
        hold_reason: v1::HoldReason::Address.into(),
    };
    let refused = book.node.release_order(Request::new(release)).await;
    book.tells(
        refused,
        "FailedPrecondition HOLD_NOT_FOUND {hold_reason=ADDRESS} on orders/held",
    );
    book.node
        .hold_order(Request::new(hold("held", "")))
        .await
        .expect("held");
    let refused = book.node.ship_items(ship("held", "", 1)).await;
    book.tells(
        refused,
        "FailedPrecondition ORDER_ON_HOLD {holds=ADDRESS} on orders/held",
    );

    book.place("owing").await;
    let paid = authorize("owing", "P1", "psp-1", gbp(1_812));
    book.node.authorize_payment(paid).await.expect("authorised");
    let customer = cancel("owing", v1::CancelReason::Customer);
    book.node.cancel_order(customer).await.expect("cancelled");
    let refused = book.node.erase_personal_data(erase("owing")).await;
    book.tells(
        refused,
        "FailedPrecondition PERSONAL_DATA_IN_USE {cause=an authorisation is open} on orders/owing",
    );
}

/// Not the caller's fault.
async fn outages(book: &mut Book) {
    book.place("o2").await;
    let faults = [
        (Fault::Full, "ResourceExhausted LOG_FULL {} retry"),
        (Fault::Unavailable, "Unavailable LOG_UNAVAILABLE {} retry"),
        (Fault::TimeOut, "Unavailable OUTCOME_UNKNOWN {} retry"),
    ];
    for (fault, expected) in faults {
        book.log.will([fault]);
        let refused = book
            .node
            .annotate_order(Request::new(annotate("o2", "", "x")))
            .await;
        book.tells(refused, expected);
    }
    book.log.will([Fault::FalseConflict; 9]);
    let refused = book
        .node
        .annotate_order(Request::new(annotate("o2", "", "x")))
        .await;
    book.tells(refused, "Aborted CONTENTION {} retry");

    book.keys.away.store(true, Ordering::SeqCst);
    let mut request = annotate("o2", "", "x");
    request.note = "sealed".into();
    let refused = book.node.annotate_order(Request::new(request)).await;
    book.tells(refused, "Unavailable KEYS_UNAVAILABLE {} retry");

    let stream = StreamId::new("damaged").expect("valid");
    let record = NewRecord {
        commit_id: CommitId([7; 16]),
        payload: Bytes::from_static(b"\xff\xff\xff no commit"),
        label: String::new(),
    };
    book.log
        .append(&stream, None, book.log.epoch(), record)
        .await
        .expect("stored");
    let refused = book
        .node
        .annotate_order(Request::new(annotate("damaged", "", "x")))
        .await;
    book.tells(refused, "Internal ORDER_UNREADABLE {}");
}
