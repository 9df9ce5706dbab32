//! Requests that are wrong or absurd: a clear answer, every wrong field named, no panic.

use prost_types::{FieldMask, Timestamp};
use proto::v1;
use proto::v1::order_history_service_server::OrderHistoryService as _;
use proto::v1::order_query_service_server::OrderQueryService as _;
use proto::v1::order_report_service_server::OrderReportService as _;
use tonic::{Code, Request, Status};

use crate::world::{World, assert_fields, assert_refused};

fn hostile_ids() -> Vec<String> {
    let long = "a".repeat(64 << 10);
    [
        "",
        "a\0",
        "a.b",
        "*",
        ">",
        "../..",
        " ",
        "-a",
        "é",
        "a\u{202e}b",
        "🦀",
        long.as_str(),
    ]
    .map(str::to_owned)
    .to_vec()
}

pub(crate) async fn list(
    world: &World,
    request: v1::ListOrdersRequest,
) -> Result<v1::ListOrdersResponse, Status> {
    Ok(world
        .query
        .list_orders(Request::new(request))
        .await?
        .into_inner())
}

fn filtered(filter: v1::OrderFilter) -> v1::ListOrdersRequest {
    v1::ListOrdersRequest {
        filter: Some(filter),
        ..v1::ListOrdersRequest::default()
    }
}

#[tokio::test]
async fn hostile_ids_are_refused_by_their_field() {
    let world = World::new().await;
    for order_id in hostile_ids() {
        let get = v1::GetOrderRequest {
            order_id: order_id.clone(),
            ..Default::default()
        };
        let refused = world.query.get_order(Request::new(get)).await;
        let status = assert_refused(refused, Code::InvalidArgument, "FIELD_INVALID");
        assert_fields(&status, &["order_id"]);
        let events = v1::ListOrderEventsRequest {
            order_id: order_id.clone(),
            ..Default::default()
        };
        let refused = world.query.list_order_events(Request::new(events)).await;
        assert_fields(
            &assert_refused(refused, Code::InvalidArgument, "FIELD_INVALID"),
            &["order_id"],
        );
        let order_ids = vec!["fine".to_owned(), order_id];
        let batch = v1::BatchGetOrdersRequest {
            order_ids,
            ..Default::default()
        };
        let refused = world.query.batch_get_orders(Request::new(batch)).await;
        let status = assert_refused(refused, Code::InvalidArgument, "FIELD_INVALID");
        assert_fields(&status, &["order_ids[1]"]);
    }
    let get = v1::GetOrderRequest {
        order_id: "nobody".to_owned(),
        ..Default::default()
    };
    let refused = world.query.get_order(Request::new(get)).await;
    assert_refused(refused, Code::NotFound, "ORDER_NOT_FOUND");
}

#[tokio::test]
async fn lists_of_ids_are_bounded() {
    let world = World::new().await;
    let ask = |order_ids: Vec<String>| {
        let request = v1::BatchGetOrdersRequest {
            order_ids,
            ..Default::default()
        };
        world.query.batch_get_orders(Request::new(request))
    };
    for count in [0, 1_001, 100_000] {
        let refused = ask(vec!["a".to_owned(); count]).await;
        let status = assert_refused(refused, Code::InvalidArgument, "FIELD_INVALID");
        assert_fields(&status, &["order_ids"]);
    }
    let missing = ask((0..1_000).map(|id| id.to_string()).collect()).await;
    assert_eq!(
        missing.expect("answered").into_inner().missing_ids.len(),
        1_000
    );
    let refused = ask(vec!["*".to_owned(); 1_000]).await;
    let status = assert_refused(refused, Code::InvalidArgument, "FIELD_INVALID");
    assert!(
        status.details().len() < 8 << 10,
        "details travel in trailers"
    );
}

#[tokio::test]
async fn page_sizes_are_taken_or_refused() {
    let world = World::new().await;
    for index in 0..60 {
        world.place(&format!("o{index}")).await;
    }
    world.project().await;
    for (page_size, expected) in [(0, 50), (7, 7), (1_000_000_000, 60), (i32::MAX, 60)] {
        let request = v1::ListOrdersRequest {
            page_size,
            ..Default::default()
        };
        assert_eq!(
            list(&world, request).await.expect("listed").orders.len(),
            expected
        );
    }
    for page_size in [-1, i32::MIN] {
        let request = v1::ListOrdersRequest {
            page_size,
            ..Default::default()
        };
        let status = assert_refused(
            list(&world, request).await,
            Code::InvalidArgument,
            "FIELD_INVALID",
        );
        assert_fields(&status, &["page_size"]);
    }
    for limit in [-1, i64::MIN] {
        let request = v1::CountOrdersRequest {
            limit,
            ..Default::default()
        };
        let refused = world.query.count_orders(Request::new(request)).await;
        let status = assert_refused(refused, Code::InvalidArgument, "FIELD_INVALID");
        assert_fields(&status, &["limit"]);
    }
}

#[tokio::test]
async fn orders_that_cannot_be_sorted_by_are_refused() {
    let world = World::new().await;
    for order_by in [
        "version",
        "place_time down",
        "place_time desc, total",
        "total asc asc",
        "TOTAL",
        "'",
    ] {
        let request = v1::ListOrdersRequest {
            order_by: order_by.to_owned(),
            ..Default::default()
        };
        let refused = list(&world, request).await;
        let status = assert_refused(refused, Code::InvalidArgument, "ORDER_BY_UNSUPPORTED");
        assert_fields(&status, &["order_by"]);
    }
}

#[tokio::test]
async fn a_filter_is_refused_with_everything_that_is_wrong() {
    let world = World::new().await;
    let time = |seconds| Some(Timestamp { seconds, nanos: 0 });
    let filter = v1::OrderFilter {
        customer_ids: vec!["fine".to_owned(), "a\0b".to_owned()],
        states: vec![1, 0, 99, -1],
        place_time: Some(v1::TimeRange {
            start_time: time(-1),
            end_time: time(i64::MAX),
        }),
        update_time: Some(v1::TimeRange {
            start_time: time(10),
            end_time: time(9),
        }),
        skus: vec![String::new()],
        currency_code: "gbp".to_owned(),
        tags: vec!["x".repeat(65)],
        channels: vec!["ok".to_owned(); 101],
        ..v1::OrderFilter::default()
    };
    let expected = [
        "filter.states[1]",
        "filter.states[2]",
        "filter.states[3]",
        "filter.customer_ids[1]",
        "filter.place_time.start_time",
        "filter.place_time.end_time",
        "filter.update_time.end_time",
        "filter.skus[0]",
        "filter.tags[0]",
        "filter.channels",
        "filter.currency_code",
    ];
    let refused = list(&world, filtered(filter.clone())).await;
    let status = assert_refused(refused, Code::InvalidArgument, "FIELD_INVALID");
    assert_fields(&status, &expected);
    let count = v1::CountOrdersRequest {
        filter: Some(filter),
        ..Default::default()
    };
    let refused = world.query.count_orders(Request::new(count)).await;
    assert_fields(
        &assert_refused(refused, Code::InvalidArgument, "FIELD_INVALID"),
        &expected,
    );
    for (min, max) in [
        (Some(1), None),
        (None, Some(1)),
        (Some(i64::MIN), Some(i64::MAX)),
    ] {
        let filter = v1::OrderFilter {
            min_total_minor_units: min,
            max_total_minor_units: max,
            ..v1::OrderFilter::default()
        };
        let refused = list(&world, filtered(filter.clone())).await;
        let status = assert_refused(refused, Code::InvalidArgument, "FIELD_INVALID");
        assert_fields(&status, &["filter.currency_code"]);
        let currency_code = "GBP".to_owned();
        let filter = v1::OrderFilter {
            currency_code,
            ..filter
        };
        list(&world, filtered(filter))
            .await
            .expect("any total will do");
    }
}

#[tokio::test]
async fn masks_name_top_level_fields() {
    let world = World::new().await;
    world.place("o1").await;
    world.project().await;
    let long = "x".repeat(64 << 10);
    for path in [
        "",
        "nonsense",
        "customer.email",
        "Version",
        "version\n\u{1b}[31m",
        &long,
    ] {
        let read_mask = Some(FieldMask {
            paths: vec!["version".to_owned(), path.to_owned()],
        });
        let request = v1::ListOrdersRequest {
            read_mask,
            ..Default::default()
        };
        let refused = list(&world, request).await;
        let status = assert_refused(refused, Code::InvalidArgument, "READ_MASK_INVALID");
        assert!(status.message().len() < 256 && !status.message().contains('\n'));
    }
    for (paths, full) in [
        (vec![], true),
        (vec!["*"; 3], true),
        (vec!["version"; 100_000], false),
    ] {
        let paths = paths.into_iter().map(str::to_owned).collect();
        let request = v1::GetOrderRequest {
            order_id: "o1".to_owned(),
            read_mask: Some(FieldMask { paths }),
            ..v1::GetOrderRequest::default()
        };
        let reply = world.query.get_order(Request::new(request)).await;
        let order = reply.expect("got").into_inner().order.expect("order");
        assert_eq!((order.version, order.order_id.is_empty()), (3, !full));
    }
}

#[tokio::test]
async fn references_are_valid_or_refused() {
    use v1::lookup_order_request::Key;
    let world = World::new().await;
    let ask = |key| {
        let request = v1::LookupOrderRequest {
            key,
            ..Default::default()
        };
        world.query.lookup_order(Request::new(request))
    };
    let refused = ask(None).await;
    assert_fields(
        &assert_refused(refused, Code::InvalidArgument, "FIELD_INVALID"),
        &["key"],
    );
    for text in ["", "a\0", "a\u{202e}", &"x".repeat(64 << 10)] {
        let refused = ask(Some(Key::PspReference(text.to_owned()))).await;
        let status = assert_refused(refused, Code::InvalidArgument, "FIELD_INVALID");
        assert_fields(&status, &["psp_reference"]);
        let refused = ask(Some(Key::TrackingNumber(text.to_owned()))).await;
        let status = assert_refused(refused, Code::InvalidArgument, "FIELD_INVALID");
        assert_fields(&status, &["tracking_number"]);
    }
}

#[tokio::test]
async fn reports_refuse_what_they_cannot_mean() {
    let world = World::new().await;
    let revenue = |range, bucket, currency: &str, channel: &str| {
        let (currency_code, channel) = (currency.to_owned(), channel.to_owned());
        let request = v1::QueryRevenueRequest {
            range,
            bucket,
            currency_code,
            channel,
            ..Default::default()
        };
        world.query.query_revenue(Request::new(request))
    };
    let from = |seconds, nanos| {
        let start_time = Some(Timestamp { seconds, nanos });
        Some(v1::TimeRange {
            start_time,
            end_time: None,
        })
    };
    let day = v1::Bucket::Day.into();
    let long = "x".repeat(64 << 10);
    for (range, bucket, currency, channel, field) in [
        (None, 0, "", "", "bucket"),
        (None, 99, "", "", "bucket"),
        (from(1, 0), day, "", "", "range.start_time"),
        (from(3_600, 1_000), day, "", "", "range.start_time"),
        (from(-3_600, 0), day, "", "", "range.start_time"),
        (None, day, "XX", "", "currency_code"),
        (None, day, "", "a\0", "channel"),
        (None, day, "", &long, "channel"),
    ] {
        let refused = revenue(range, bucket, currency, channel).await;
        let status = assert_refused(refused, Code::InvalidArgument, "FIELD_INVALID");
        assert_fields(&status, &[field]);
    }
    let rank = |range, currency: &str, limit| {
        let currency_code = currency.to_owned();
        let request = v1::RankSkusRequest {
            range,
            currency_code,
            limit,
            ..Default::default()
        };
        world.query.rank_skus(Request::new(request))
    };
    for (range, currency, limit, field) in [
        (None, "", 0, "currency_code"),
        (None, "GBP", -1, "limit"),
        (from(3_600, 0), "GBP", 0, "range.start_time"),
    ] {
        let refused = rank(range, currency, limit).await;
        let status = assert_refused(refused, Code::InvalidArgument, "FIELD_INVALID");
        assert_fields(&status, &[field]);
    }
    rank(None, "GBP", i32::MAX)
        .await
        .expect("as many as there are, at most 10,000");
}
