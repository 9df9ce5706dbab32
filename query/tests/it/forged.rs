//! Tokens that are forged, stale or of another question: refused, or harmless.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use prost_types::FieldMask;
use proto::v1;
use proto::v1::order_history_service_server::OrderHistoryService as _;
use proto::v1::order_report_service_server::OrderReportService as _;
use tonic::{Code, Request};

use crate::refused::list;
use crate::world::{World, assert_fields, assert_refused};

#[tokio::test]
async fn a_page_token_goes_with_its_question_only() {
    let world = World::new().await;
    for id in ["a", "b", "c"] {
        world.place(id).await;
    }
    world.project().await;
    let asked = v1::ListOrdersRequest {
        page_size: 1,
        ..Default::default()
    };
    let page_token = list(&world, asked.clone())
        .await
        .expect("listed")
        .next_page_token;
    let asked = v1::ListOrdersRequest {
        page_token,
        ..asked
    };
    let same = [
        v1::ListOrdersRequest {
            page_size: 2,
            ..asked.clone()
        },
        v1::ListOrdersRequest {
            order_by: "place_time desc".to_owned(),
            ..asked.clone()
        },
        v1::ListOrdersRequest {
            filter: Some(v1::OrderFilter::default()),
            ..asked.clone()
        },
        v1::ListOrdersRequest {
            read_mask: Some(FieldMask {
                paths: vec!["order_id".to_owned()],
            }),
            ..asked.clone()
        },
    ];
    for request in same {
        assert_eq!(
            list(&world, request).await.expect("listed").orders[0].order_id,
            "b"
        );
    }
    let other = v1::OrderFilter {
        on_hold: Some(false),
        ..Default::default()
    };
    let others = [
        v1::ListOrdersRequest {
            order_by: "place_time".to_owned(),
            ..asked.clone()
        },
        v1::ListOrdersRequest {
            filter: Some(other),
            ..asked.clone()
        },
    ];
    for request in others {
        let refused = list(&world, request).await;
        let status = assert_refused(refused, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
        assert_fields(&status, &["page_token"]);
    }
    let events = v1::ListOrderEventsRequest {
        order_id: "a".to_owned(),
        page_token: asked.page_token,
        ..Default::default()
    };
    let refused = world.query.list_order_events(Request::new(events)).await;
    assert_refused(refused, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
}

#[tokio::test]
async fn what_is_no_token_is_refused() {
    let world = World::new().await;
    world.place("o1").await;
    world.project().await;
    let huge = "A".repeat(1 << 20);
    for token in ["x", "////", "AAAA", " ", "🦀", "\0", &huge] {
        let request = v1::ListOrdersRequest {
            page_token: token.to_owned(),
            ..Default::default()
        };
        assert_refused(
            list(&world, request).await,
            Code::InvalidArgument,
            "PAGE_TOKEN_INVALID",
        );
        let request = v1::ListOrdersRequest {
            consistency_token: token.to_owned(),
            ..Default::default()
        };
        let status = assert_refused(
            list(&world, request).await,
            Code::InvalidArgument,
            "TOKEN_INVALID",
        );
        assert_fields(&status, &["consistency_token"]);
        let request = v1::QueryFunnelRequest {
            consistency_token: token.to_owned(),
            ..Default::default()
        };
        let refused = world.query.query_funnel(Request::new(request)).await;
        assert_refused(refused, Code::InvalidArgument, "TOKEN_INVALID");
    }
}

/// A token whose checksum is right, whatever it says.
fn forged(mut bytes: Vec<u8>) -> String {
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_be_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

async fn page_from(world: &World, page_token: String, order_by: &str) {
    let request = v1::ListOrdersRequest {
        page_token,
        order_by: order_by.to_owned(),
        ..v1::ListOrdersRequest::default()
    };
    // Whoever forges a place to go on from is shown what comes after it.
    match list(world, request).await {
        Ok(page) => assert!(page.orders.len() <= 3),
        Err(status) => {
            assert_refused(
                Err::<(), _>(status),
                Code::InvalidArgument,
                "PAGE_TOKEN_INVALID",
            );
        }
    }
}

async fn check_forged(tokens: Vec<(Vec<u8>, i64, Vec<u8>)>) {
    let world = World::new().await;
    for id in ["a", "b", "c"] {
        world.place(id).await;
    }
    world.project().await;
    for (noise, key, id) in tokens {
        page_from(&world, forged(noise), "").await;
        for order_by in ["", "place_time", "total desc", "create_time"] {
            let request = v1::ListOrdersRequest {
                page_size: 1,
                order_by: order_by.to_owned(),
                ..v1::ListOrdersRequest::default()
            };
            let real = list(&world, request).await.expect("listed").next_page_token;
            let real = URL_SAFE_NO_PAD.decode(real).expect("base64");
            // Version and fingerprint of a real one, then whatever.
            let bytes = [&real[..9], &key.to_be_bytes(), &id].concat();
            page_from(&world, forged(bytes), order_by).await;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn forged_page_tokens_do_no_harm(
        tokens in prop::collection::vec(
            (any::<Vec<u8>>(), any::<i64>(), prop::collection::vec(any::<u8>(), 0..80)), 20,
        ),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("runtime").block_on(check_forged(tokens));
    }
}
