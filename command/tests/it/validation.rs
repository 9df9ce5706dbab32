//! Every rule of a request, by the path of the field that breaks it.

use prost_types::Timestamp;
use proto::v1;
use proto::v1::order_command_service_server::OrderCommandService as _;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use crate::fixture::{World, assert_refused, context, create, gbp, line};

const MICROS_OF_2026: i64 = 1_767_225_600;

pub(crate) fn paths(status: &Status) -> Vec<String> {
    let details = status.get_details_bad_request().expect("BadRequest");
    details
        .field_violations
        .into_iter()
        .map(|violation| violation.field)
        .collect()
}

/// Asserts that one request breaks exactly the rules of these fields.
async fn breaks(request: v1::CreateOrderRequest, fields: &[&str]) {
    let world = World::new();
    let refused = world.node.create_order(Request::new(request)).await;
    let status = assert_refused(refused, Code::InvalidArgument, "FIELD_INVALID");
    assert_eq!(paths(&status), fields);
    assert_eq!(world.log.counts(), (0, 0), "the log is not asked");
}

/// Asserts that a changed request breaks the rule of one field.
async fn change_breaks(field: &str, change: impl FnOnce(&mut v1::CreateOrderRequest)) {
    let mut request = create("o1", "r");
    change(&mut request);
    breaks(request, &[field]).await;
}

#[tokio::test]
async fn all_violations_are_told_at_once() {
    let mut request = create("a.b", "r\u{7}");
    request.payment_terms = 99;
    request.lines[0].quantity = 0;
    request.lines[1].sku = String::new();
    request.lines[1].tax_rate_ppm = -1;
    request.tags = vec!["ok".into(), "\u{202e}evil".into()];
    let fields = [
        "order_id",
        "context.request_id",
        "payment_terms",
        "lines[0].quantity",
        "lines[1].sku",
        "lines[1].tax_rate_ppm",
        "tags[1]",
    ];
    breaks(request, &fields).await;
}

#[tokio::test]
async fn hostile_ids_are_refused() {
    let long = "x".repeat(65_536);
    let hostile = [
        "a.b", "*", ">", "../..", "a\0", " ", "\u{202e}", "😀", "-a", "a b", &long,
    ];
    for id in hostile {
        let mut request = create(id, "r");
        request.related_order_id = id.to_owned();
        breaks(request, &["order_id", "related_order_id"]).await;
        let world = World::new();
        let request = v1::PlaceOrderRequest {
            order_id: id.into(),
            ..Default::default()
        };
        let refused = world.node.place_order(Request::new(request)).await;
        let status = assert_refused(refused, Code::InvalidArgument, "FIELD_INVALID");
        assert_eq!(paths(&status), ["order_id"]);
        assert!(
            status.details().len() < 1_000,
            "a hostile value is not repeated"
        );
    }
    let world = World::new();
    let refused = world
        .node
        .place_order(Request::new(v1::PlaceOrderRequest::default()))
        .await;
    let status = assert_refused(refused, Code::InvalidArgument, "FIELD_INVALID");
    assert_eq!(
        paths(&status),
        ["order_id"],
        "only a new order may leave it empty"
    );
}

#[tokio::test]
async fn context_rules() {
    let with = |change: fn(&mut v1::CommandContext)| {
        let mut request = create("o1", "r");
        request.context.as_mut().map(change);
        request
    };
    let at = |seconds, nanos| Some(Timestamp { seconds, nanos });
    breaks(
        with(|it| it.request_id = "x".repeat(65)),
        &["context.request_id"],
    )
    .await;
    breaks(
        with(|it| it.request_id = "é".into()),
        &["context.request_id"],
    )
    .await;
    breaks(
        with(|it| it.expected_version = Some(1)),
        &["context.expected_version"],
    )
    .await;
    breaks(
        with(|it| it.reason = "x".repeat(4_097)),
        &["context.reason"],
    )
    .await;
    breaks(
        with(|it| it.reason = "\u{1b}[2J".into()),
        &["context.reason"],
    )
    .await;
    breaks(
        with(|it| it.correlation_id = "a b".into()),
        &["context.correlation_id"],
    )
    .await;
    let actor = with(|it| {
        it.actor = Some(v1::Actor {
            kind: 7,
            actor_id: String::new(),
        })
    });
    breaks(actor, &["context.actor.kind", "context.actor.actor_id"]).await;
    for time in [
        at(-62_135_596_800, 0),
        at(-1, 0),
        at(253_402_300_800, 0),
        at(i64::MAX, 0),
        at(i64::MIN, 0),
        at(0, -1),
        at(0, 1_000_000_000),
        at(253_402_300_799, 0),
        at(MICROS_OF_2026 + 301, 0),
    ] {
        let mut request = create("o1", "r");
        request.context.as_mut().expect("context").occur_time = time;
        breaks(request, &["context.occur_time"]).await;
    }
    let mut request = create("o1", "r");
    request.context.as_mut().expect("context").occur_time = at(MICROS_OF_2026 + 300, 0);
    World::new()
        .node
        .create_order(Request::new(request))
        .await
        .expect("five minutes of grace");
}

#[tokio::test]
async fn expected_version_is_at_least_one() {
    let world = World::new();
    world.create("o1").await;
    for version in [0, -1, i64::MIN] {
        let mut context = context("r");
        context.as_mut().expect("context").expected_version = Some(version);
        let request = v1::PlaceOrderRequest {
            order_id: "o1".into(),
            context,
            ..Default::default()
        };
        let refused = world.node.place_order(Request::new(request)).await;
        let status = assert_refused(refused, Code::InvalidArgument, "FIELD_INVALID");
        assert_eq!(paths(&status), ["context.expected_version"]);
    }
}

#[tokio::test]
async fn line_rules() {
    for quantity in [0, -1, 1_000_001, i64::MAX, i64::MIN] {
        change_breaks("lines[1].quantity", |it| it.lines[1].quantity = quantity).await;
    }
    for units in [-1, 1_000_000_000_000_001, i64::MAX, i64::MIN] {
        change_breaks("lines[1].unit_price.minor_units", |it| {
            it.lines[1].unit_price = gbp(units);
        })
        .await;
    }
    change_breaks("lines[0].unit_price", |it| it.lines[0].unit_price = None).await;
    change_breaks("lines[0].line_id", |it| it.lines[0].line_id = "a/b".into()).await;
    change_breaks("lines[0].sku", |it| it.lines[0].sku = "x".repeat(65)).await;
    change_breaks("lines[0].title", |it| it.lines[0].title = "x".repeat(257)).await;
    change_breaks("lines[0].title", |it| it.lines[0].title = "a\nb".into()).await;
    change_breaks("lines[0].tax_rate_ppm", |it| {
        it.lines[0].tax_rate_ppm = 1_000_001
    })
    .await;
    change_breaks("lines", |it| it.lines = vec![line("A", 1, 1); 2_001]).await;
    change_breaks("lines", |it| {
        it.lines = vec![v1::NewLine::default(); 100_000]
    })
    .await;
}

#[tokio::test]
async fn the_rest_of_an_order() {
    change_breaks("payment_terms", |it| it.payment_terms = 0).await;
    change_breaks("channel", |it| it.channel = "x".repeat(65)).await;
    change_breaks("tags", |it| it.tags = vec!["t".into(); 51]).await;
    change_breaks("tags[0]", |it| it.tags = vec![String::new()]).await;
    change_breaks("metadata", |it| {
        it.metadata = (0..51).map(|n| (n.to_string(), String::new())).collect();
    })
    .await;
    change_breaks("metadata", |it| {
        it.metadata = [("\u{1b}[2J".to_owned(), String::new())].into();
    })
    .await;
    change_breaks("metadata[\"k\"]", |it| {
        it.metadata = [("k".to_owned(), "x".repeat(513))].into();
    })
    .await;
    change_breaks("customer.customer_id", |it| {
        it.customer = Some(v1::Customer {
            customer_id: "x".repeat(65),
            ..Default::default()
        });
    })
    .await;
    change_breaks("customer.name", |it| {
        it.customer = Some(v1::Customer {
            name: "a\u{1b}b".into(),
            ..Default::default()
        });
    })
    .await;
    change_breaks("place.payment_due_time", |it| {
        let due = Some(Timestamp {
            seconds: -1,
            nanos: 0,
        });
        it.place = Some(v1::Placing {
            payment_due_time: due,
            expected_total: None,
        });
    })
    .await;
}

#[tokio::test]
async fn shipping_and_discount_rules() {
    let address = v1::Address {
        lines: vec![String::new(); 11],
        country_code: "gb".into(),
        ..Default::default()
    };
    let mut request = create("o1", "r");
    request.shipping = Some(v1::Shipping {
        address: Some(address),
        tax_rate_ppm: -1,
        ..Default::default()
    });
    let fields = [
        "shipping.price",
        "shipping.tax_rate_ppm",
        "shipping.address.lines",
        "shipping.address.country_code",
    ];
    breaks(request, &fields).await;

    let rate = |id: &str, ppm| v1::Discount {
        discount_id: id.into(),
        value: Some(v1::discount::Value::RatePpm(ppm)),
        ..Default::default()
    };
    let fixed = v1::discount::Value::FixedMinorUnits(-1);
    let mut request = create("o1", "r");
    request.discounts = vec![
        rate("D", 1_000_001),
        rate("D", 5),
        v1::Discount {
            value: Some(fixed),
            ..Default::default()
        },
        v1::Discount {
            line_ids: vec!["L1".into(), "L1".into()],
            ..Default::default()
        },
    ];
    let fields = [
        "discounts[0].rate_ppm",
        "discounts[1].discount_id",
        "discounts[2].fixed_minor_units",
        "discounts[3].line_ids[1]",
        "discounts[3].value",
    ];
    breaks(request, &fields).await;
    change_breaks("discounts", |it| it.discounts = vec![rate("", 1); 51]).await;
}

#[tokio::test]
async fn currencies_have_reasons_of_their_own() {
    let world = World::new();
    for code in ["", "gbp", "XXX", "GBPX", "\u{202e}"] {
        let mut request = create("o1", "r");
        request.currency_code = code.into();
        let refused = world.node.create_order(Request::new(request)).await;
        let status = assert_refused(refused, Code::InvalidArgument, "CURRENCY_UNKNOWN");
        assert_eq!(paths(&status), ["currency_code"]);
    }
    let mut request = create("o1", "r");
    request.lines[1].unit_price = Some(v1::Money {
        currency_code: "EUR".into(),
        minor_units: 1,
    });
    let refused = world.node.create_order(Request::new(request.clone())).await;
    let status = assert_refused(refused, Code::InvalidArgument, "CURRENCY_MISMATCH");
    assert_eq!(paths(&status), ["lines[1].unit_price.currency_code"]);
    let info = status.get_details_error_info().expect("info");
    assert_eq!(
        (&*info.metadata["expected"], &*info.metadata["actual"]),
        ("GBP", "EUR")
    );
    // Whatever else is wrong comes first: one reason, all violations.
    request.lines[0].quantity = 0;
    let refused = world.node.create_order(Request::new(request)).await;
    let status = assert_refused(refused, Code::InvalidArgument, "FIELD_INVALID");
    assert_eq!(
        paths(&status),
        ["lines[0].quantity", "lines[1].unit_price.currency_code"]
    );
}
