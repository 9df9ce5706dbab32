//! get, list, count, lookup, history.

use proto::v1;
use proto::v1::get_order_request::AsOf;
use proto::v1::lookup_order_request::Key;
use proto::v1::order_history_service_client::OrderHistoryServiceClient;
use proto::v1::order_query_service_client::OrderQueryServiceClient;
use tonic::transport::Channel;

use super::{connect, json, order, print, refused, span};
use crate::cli::{self, Output};
use crate::exit::Misuse;
use crate::output;

/// Orders of one request of ListOrders or BatchGetOrders, and events of one of ListOrderEvents; the
/// service gives no more.
const PAGE_MAX: usize = 1000;

/// Shows one order.
pub(crate) async fn get(arguments: cli::Get) -> anyhow::Result<()> {
    let version = arguments.version.map(AsOf::Version);
    let request = v1::GetOrderRequest {
        order_id: arguments.order_id,
        consistency_token: arguments.query.token.unwrap_or_default(),
        as_of: version.or(arguments.time.map(AsOf::Time)),
        ..v1::GetOrderRequest::default()
    };
    let channel = connect(&arguments.query.server.addr).await?;
    let reply = OrderQueryServiceClient::new(channel)
        .get_order(request)
        .await;
    let reply = reply.map_err(|status| refused(&status))?.into_inner();
    let order = reply.order.unwrap_or_default();
    match arguments.query.format.output {
        Output::Table => output::line(&order::sheet(&order)),
        Output::Json | Output::Jsonl => output::line(&json("Order", &order)?.to_string()),
    }
    Ok(())
}

/// Lists orders, page after page.
pub(crate) async fn list(arguments: cli::List) -> anyhow::Result<()> {
    let request = v1::ListOrdersRequest {
        filter: Some(filter(arguments.filter)?),
        order_by: arguments.order_by,
        consistency_token: arguments.query.token.unwrap_or_default(),
        ..v1::ListOrdersRequest::default()
    };
    let limit = if arguments.limit == 0 {
        usize::MAX
    } else {
        arguments.limit
    };
    let channel = connect(&arguments.query.server.addr).await?;
    let orders = pages(channel, request, limit).await?;
    print_orders(arguments.query.format.output, &orders)
}

fn print_orders(format: Output, orders: &[v1::Order]) -> anyhow::Result<()> {
    print(format, "Order", orders, &order::HEADER, order::row)
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
        let size = (limit - orders.len()).min(PAGE_MAX);
        request.page_size = i32::try_from(size)?;
        let page = client.list_orders(request.clone()).await;
        let page = page.map_err(|status| refused(&status))?.into_inner();
        orders.extend(page.orders);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() || orders.len() >= limit {
            return Ok(orders);
        }
    }
}

fn filter(filter: cli::Filter) -> Result<v1::OrderFilter, Misuse> {
    let total = |amount: Option<cli::Amount>| {
        let amount = amount.zip(filter.currency);
        let money = amount.map(|(amount, currency)| amount.of(currency));
        Ok(money.transpose()?.map(|money| money.minor_units))
    };
    Ok(v1::OrderFilter {
        min_total_minor_units: total(filter.min_total)?,
        max_total_minor_units: total(filter.max_total)?,
        customer_ids: filter.customer,
        states: numbers(filter.state),
        payment_states: numbers(filter.payment_state),
        fulfillment_states: numbers(filter.fulfillment_state),
        return_states: numbers(filter.return_state),
        place_time: span(filter.since, filter.until),
        update_time: span(filter.updated_since, filter.updated_until),
        skus: filter.sku,
        currency_code: filter
            .currency
            .map_or_else(String::new, |c| c.code().to_owned()),
        tags: filter.tag,
        references: filter.reference,
        channels: filter.channel,
        on_hold: filter.on_hold,
    })
}

fn numbers<E: Into<i32>>(states: Vec<E>) -> Vec<i32> {
    states.into_iter().map(Into::into).collect()
}

/// Counts orders.
pub(crate) async fn count(arguments: cli::Count) -> anyhow::Result<()> {
    let request = v1::CountOrdersRequest {
        filter: Some(filter(arguments.filter)?),
        limit: arguments.limit,
        consistency_token: arguments.query.token.unwrap_or_default(),
        ..v1::CountOrdersRequest::default()
    };
    let channel = connect(&arguments.query.server.addr).await?;
    let reply = OrderQueryServiceClient::new(channel)
        .count_orders(request)
        .await;
    let reply = reply.map_err(|status| refused(&status))?.into_inner();
    match arguments.query.format.output {
        Output::Table => output::line(&reply.count.to_string()),
        Output::Json | Output::Jsonl => {
            output::line(&json("CountOrdersResponse", &reply)?.to_string());
        }
    }
    if reply.limited {
        output::note("there are more; count on with a greater --limit");
    }
    Ok(())
}

/// Shows the orders of a reference, newest first.
pub(crate) async fn lookup(arguments: cli::Lookup) -> anyhow::Result<()> {
    let reference = arguments.key.psp_reference.map(Key::PspReference);
    let request = v1::LookupOrderRequest {
        key: reference.or(arguments.key.tracking_number.map(Key::TrackingNumber)),
        consistency_token: arguments.query.token.unwrap_or_default(),
        ..v1::LookupOrderRequest::default()
    };
    let channel = connect(&arguments.query.server.addr).await?;
    let mut client = OrderQueryServiceClient::new(channel);
    let reply = client.lookup_order(request).await;
    let reply = reply.map_err(|status| refused(&status))?.into_inner();
    let orders = if reply.order_ids.is_empty() {
        reply.order.into_iter().collect()
    } else {
        batch(&mut client, reply.order_ids, &reply.read_token).await?
    };
    print_orders(arguments.query.format.output, &orders)
}

/// Orders by id, as many requests as their size takes.
async fn batch(
    client: &mut OrderQueryServiceClient<Channel>,
    mut order_ids: Vec<String>,
    token: &str,
) -> anyhow::Result<Vec<v1::Order>> {
    let mut orders = Vec::new();
    while !order_ids.is_empty() {
        let request = v1::BatchGetOrdersRequest {
            order_ids,
            consistency_token: token.to_owned(),
            ..v1::BatchGetOrdersRequest::default()
        };
        let reply = client.batch_get_orders(request).await;
        let reply = reply.map_err(|status| refused(&status))?.into_inner();
        orders.extend(reply.orders);
        order_ids = reply.unserved_ids;
    }
    Ok(orders)
}

/// Shows the events of an order.
pub(crate) async fn history(arguments: cli::History) -> anyhow::Result<()> {
    let channel = connect(&arguments.query.server.addr).await?;
    let mut client = OrderHistoryServiceClient::new(channel);
    let mut request = v1::ListOrderEventsRequest {
        order_id: arguments.order_id,
        after_version: arguments.after,
        page_size: i32::try_from(PAGE_MAX)?,
        consistency_token: arguments.query.token.unwrap_or_default(),
        ..v1::ListOrderEventsRequest::default()
    };
    let mut events = Vec::new();
    loop {
        let page = client.list_order_events(request.clone()).await;
        let page = page.map_err(|status| refused(&status))?.into_inner();
        events.extend(page.events);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    print(
        arguments.query.format.output,
        "OrderEvent",
        &events,
        &[
            "VERSION", "EVENT", "OCCURRED", "POSITION", "ACTOR", "REQUEST",
        ],
        event_row,
    )
}

fn event_row(event: &v1::OrderEvent) -> Vec<String> {
    let occurred = event.occur_time.as_ref();
    let actor = event.actor.as_ref();
    vec![
        event.version.to_string(),
        event.r#type.clone(),
        occurred.map_or_else(|| "-".to_owned(), ToString::to_string),
        event.position.clone(),
        actor.map_or_else(|| "-".to_owned(), |actor| actor.actor_id.clone()),
        event.request_id.clone(),
    ]
}
