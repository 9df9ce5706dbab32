//! The rules of edits, and of commands on the parts of an order.

use proto::v1;
use proto::v1::edit_action::Action;
use proto::v1::order_command_service_server::OrderCommandService as _;
use tonic::{Code, Request};
use tonic_types::StatusExt as _;

use crate::fixture::{World, assert_refused, create, gbp, line, reason};
use crate::validation::paths;

#[tokio::test]
async fn edit_rules() {
    let world = World::new();
    world.create("o1").await;
    let edit = async |actions: Vec<Option<Action>>| {
        let request = v1::EditOrderRequest {
            order_id: "o1".into(),
            actions: actions
                .into_iter()
                .map(|action| v1::EditAction { action })
                .collect(),
            ..Default::default()
        };
        let status = world
            .node
            .edit_order(Request::new(request))
            .await
            .expect_err("refused");
        assert_eq!(reason(&status), "FIELD_INVALID");
        paths(&status)
    };
    let set = v1::edit_action::SetQuantity {
        line_id: String::new(),
        quantity: 0,
    };
    let remove = v1::edit_action::RemoveLine {
        line_id: "?".into(),
    };
    assert_eq!(edit(vec![]).await, ["actions"]);
    assert_eq!(edit(vec![None; 101]).await, ["actions"]);
    let found = edit(vec![
        None,
        Some(Action::SetQuantity(set)),
        Some(Action::RemoveLine(remove)),
        Some(Action::AddLine(line("", 1, 1))),
        Some(Action::SetShipping(v1::Shipping::default())),
        Some(Action::SetDiscounts(v1::edit_action::SetDiscounts {
            discounts: vec![v1::Discount::default()],
        })),
        Some(Action::SetCustomer(v1::Customer {
            email: "\0".into(),
            ..Default::default()
        })),
    ]);
    let expected = [
        "actions[0].action",
        "actions[1].set_quantity.line_id",
        "actions[1].set_quantity.quantity",
        "actions[2].remove_line.line_id",
        "actions[3].add_line.sku",
        "actions[4].set_shipping.price",
        "actions[5].set_discounts.discounts[0].value",
        "actions[6].set_customer.email",
    ];
    assert_eq!(found.await, expected);
}

macro_rules! empty_breaks {
    ($($method:ident($request:ident) at $fields:expr;)*) => {
        #[tokio::test]
        async fn what_is_required_of_each_command() {
            let world = World::new();
            $({
                let request = v1::$request { order_id: "o1".into(), ..Default::default() };
                let refused = world.node.$method(Request::new(request)).await;
                let status = assert_refused(refused, Code::InvalidArgument, "FIELD_INVALID");
                let expected: &[&str] = &$fields;
                assert_eq!(paths(&status), expected, stringify!($method));
            })*
        }
    };
}

empty_breaks! {
    authorize_payment(AuthorizePaymentRequest) at ["amount", "method", "psp_reference"];
    capture_payment(CapturePaymentRequest) at ["payment_id", "amount", "psp_reference"];
    void_payment(VoidPaymentRequest) at ["payment_id"];
    fail_payment(FailPaymentRequest) at ["method", "amount", "psp_reference", "decline_code"];
    refund_payment(RefundPaymentRequest) at ["payment_id", "amount", "kind", "psp_reference"];
    ship_items(ShipItemsRequest) at ["items"];
    close_shipment(CloseShipmentRequest) at ["shipment_id", "outcome"];
    cancel_items(CancelItemsRequest) at ["items", "cancel_reason"];
    cancel_order(CancelOrderRequest) at ["cancel_reason"];
    request_return(RequestReturnRequest) at ["items", "return_reason"];
    receive_return(ReceiveReturnRequest) at ["return_id"];
    hold_order(HoldOrderRequest) at ["hold_reason"];
    release_order(ReleaseOrderRequest) at ["hold_reason"];
    annotate_order(AnnotateOrderRequest) at ["note"];
}

#[tokio::test]
async fn commands_on_parts() {
    let world = World::new();
    let items = ["L1", "L1", "?"].map(|line_id| v1::LineQuantity {
        line_id: line_id.into(),
        quantity: if line_id == "?" { 0 } else { 1 },
    });
    let ship = v1::ShipItemsRequest {
        order_id: "o1".into(),
        shipment_id: "a b".into(),
        items: items.to_vec(),
        tracking_number: "\n".into(),
        ..Default::default()
    };
    let status = world
        .node
        .ship_items(Request::new(ship))
        .await
        .expect_err("refused");
    let expected = [
        "shipment_id",
        "items[1].line_id",
        "items[2].line_id",
        "items[2].quantity",
        "tracking_number",
    ];
    assert_eq!(paths(&status), expected);

    let refund = v1::RefundPaymentRequest {
        order_id: "o1".into(),
        payment_id: "P1".into(),
        amount: gbp(0),
        kind: v1::RefundKind::Goodwill.into(),
        return_id: "R1".into(),
        psp_reference: "x".repeat(129),
        ..Default::default()
    };
    let status = world
        .node
        .refund_payment(Request::new(refund))
        .await
        .expect_err("refused");
    assert_eq!(
        paths(&status),
        ["amount.minor_units", "return_id", "psp_reference"]
    );

    let annotate = v1::AnnotateOrderRequest {
        order_id: "o1".into(),
        note: "x".repeat(4_097),
        add_tags: vec!["a".into()],
        remove_tags: vec!["a".into()],
        set_metadata: [("k".to_owned(), "v".to_owned())].into(),
        remove_metadata: vec!["k".into()],
        ..Default::default()
    };
    let status = world
        .node
        .annotate_order(Request::new(annotate))
        .await
        .expect_err("refused");
    assert_eq!(paths(&status), ["note", "remove_tags", "remove_metadata"]);
}

#[tokio::test]
async fn many_violations_are_counted_beyond_what_trailers_carry() {
    let world = World::new();
    let mut request = create("o1", "r");
    request.lines = vec![v1::NewLine::default(); 2_000];
    let status = world
        .node
        .create_order(Request::new(request))
        .await
        .expect_err("refused");
    let violations = status
        .get_details_bad_request()
        .expect("details")
        .field_violations;
    assert_eq!(violations.len(), 33);
    assert_eq!(violations[32].description, "and 5968 more");
    assert!(status.details().len() < 8_192);
}
