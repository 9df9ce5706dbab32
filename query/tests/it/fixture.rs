//! Requests to send, and orders made with one call.

use proto::v1;
use proto::v1::order_command_service_server::OrderCommandService as _;
use tonic::Request;

use crate::world::World;

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
