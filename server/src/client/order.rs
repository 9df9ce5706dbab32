//! get, list, history.

use anyhow::Context as _;
use proto::v1;
use proto::v1::order_history_service_client::OrderHistoryServiceClient;
use proto::v1::order_query_service_client::OrderQueryServiceClient;
use tonic::transport::Channel;

use super::{connect, json, money, print, refused, table};
use crate::cli::{self, word};
use crate::output;

/// Shows one order.
pub(crate) async fn get(arguments: cli::Get) -> anyhow::Result<()> {
    let request = v1::GetOrderRequest {
        order_id: arguments.order_id,
        consistency_token: arguments.token.unwrap_or_default(),
        as_of: arguments.version.map(v1::get_order_request::AsOf::Version),
        ..v1::GetOrderRequest::default()
    };
    let channel = connect(&arguments.server.addr).await?;
    let order = OrderQueryServiceClient::new(channel)
        .get_order(request)
        .await
        .map_err(|status| refused(&status))?
        .into_inner()
        .order
        .unwrap_or_default();
    if arguments.format.output != cli::Output::Table {
        output::line(&json("Order", &order)?.to_string());
        return Ok(());
    }
    output::line(&table(&ORDER_HEADER, &[order_row(&order)]));
    let rows: Vec<Vec<String>> = order.lines.iter().map(line_row).collect();
    output::line("");
    output::line(&table(
        &[
            "LINE",
            "SKU",
            "QUANTITY",
            "CANCELLED",
            "UNIT PRICE",
            "TOTAL",
            "TITLE",
        ],
        &rows,
    ));
    Ok(())
}

const ORDER_HEADER: [&str; 8] = [
    "ORDER",
    "VERSION",
    "STATE",
    "PAYMENT",
    "FULFILLMENT",
    "CUSTOMER",
    "PLACED",
    "TOTAL",
];

fn order_row(order: &v1::Order) -> Vec<String> {
    let time = order
        .place_time
        .as_ref()
        .map_or_else(|| "-".to_owned(), ToString::to_string);
    let totals = order.totals.as_ref();
    vec![
        order.order_id.clone(),
        order.version.to_string(),
        word(order.state().as_str_name(), "ORDER_STATE_"),
        word(order.payment_state().as_str_name(), "PAYMENT_STATE_"),
        word(
            order.fulfillment_state().as_str_name(),
            "FULFILLMENT_STATE_",
        ),
        order
            .customer
            .as_ref()
            .map_or_else(|| "-".to_owned(), |c| c.customer_id.clone()),
        time,
        money(totals.and_then(|totals| totals.placed_total.as_ref())),
    ]
}

fn line_row(line: &v1::Line) -> Vec<String> {
    vec![
        line.line_id.clone(),
        line.sku.clone(),
        line.quantity.to_string(),
        line.cancelled_quantity.to_string(),
        money(line.unit_price.as_ref()),
        money(line.total.as_ref()),
        line.title.clone(),
    ]
}

/// Lists orders, page after page.
pub(crate) async fn list(arguments: cli::List) -> anyhow::Result<()> {
    let filter = v1::OrderFilter {
        customer_ids: arguments.customer,
        states: arguments
            .state
            .iter()
            .map(|name| state(name))
            .collect::<anyhow::Result<_>>()?,
        place_time: range(arguments.since.as_deref(), arguments.until.as_deref())?,
        ..v1::OrderFilter::default()
    };
    let request = v1::ListOrdersRequest {
        filter: Some(filter),
        order_by: arguments.order_by,
        ..v1::ListOrdersRequest::default()
    };
    let limit = if arguments.limit == 0 {
        usize::MAX
    } else {
        arguments.limit
    };
    let channel = connect(&arguments.server.addr).await?;
    let orders = pages(channel, request, limit).await?;
    print(
        arguments.format.output,
        "Order",
        &orders,
        &ORDER_HEADER,
        order_row,
    )
}

/// The orders of a list, page after page, up to a limit.
pub(super) async fn pages(
    channel: Channel,
    mut request: v1::ListOrdersRequest,
    limit: usize,
) -> anyhow::Result<Vec<v1::Order>> {
    let mut client = OrderQueryServiceClient::new(channel);
    let mut orders = Vec::new();
    loop {
        request.page_size = i32::try_from((limit - orders.len()).min(1000)).unwrap_or(1000);
        let page = client
            .list_orders(request.clone())
            .await
            .map_err(|status| refused(&status))?
            .into_inner();
        orders.extend(page.orders);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() || orders.len() >= limit {
            return Ok(orders);
        }
    }
}

fn state(name: &str) -> anyhow::Result<i32> {
    let full = format!("ORDER_STATE_{}", name.to_ascii_uppercase());
    let state = v1::OrderState::from_str_name(&full).with_context(|| {
        format!("{name:?} is no state; try draft, placed, completed or cancelled")
    })?;
    Ok(state.into())
}

fn range(since: Option<&str>, until: Option<&str>) -> anyhow::Result<Option<v1::TimeRange>> {
    if since.is_none() && until.is_none() {
        return Ok(None);
    }
    let time = |text: Option<&str>| {
        text.map(|text| {
            text.parse::<prost_types::Timestamp>()
                .with_context(|| format!("{text:?} is no time; try 2010-12-01T00:00:00Z"))
        })
        .transpose()
    };
    Ok(Some(v1::TimeRange {
        start_time: time(since)?,
        end_time: time(until)?,
    }))
}

/// Shows the events of an order.
pub(crate) async fn history(arguments: cli::History) -> anyhow::Result<()> {
    let channel = connect(&arguments.server.addr).await?;
    let mut client = OrderHistoryServiceClient::new(channel);
    let mut events = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = v1::ListOrderEventsRequest {
            order_id: arguments.order_id.clone(),
            page_size: 1000,
            page_token,
            ..v1::ListOrderEventsRequest::default()
        };
        let page = client
            .list_order_events(request)
            .await
            .map_err(|status| refused(&status))?
            .into_inner();
        events.extend(page.events);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let header = [
        "VERSION", "EVENT", "OCCURRED", "POSITION", "ACTOR", "REQUEST",
    ];
    print(
        arguments.format.output,
        "OrderEvent",
        &events,
        &header,
        event_row,
    )
}

fn event_row(event: &v1::OrderEvent) -> Vec<String> {
    vec![
        event.version.to_string(),
        event.r#type.clone(),
        event
            .occur_time
            .as_ref()
            .map_or_else(|| "-".to_owned(), ToString::to_string),
        event.position.clone(),
        event
            .actor
            .as_ref()
            .map_or_else(|| "-".to_owned(), |actor| actor.actor_id.clone()),
        event.request_id.clone(),
    ]
}
