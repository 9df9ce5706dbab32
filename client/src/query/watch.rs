//! watch: changes of orders as they are committed.

use clap::Args;
use proto::v1;
use proto::v1::order_history_service_client::OrderHistoryServiceClient;
use proto::v1::watch_orders_response::What;
use proto::v1::{WatchOrdersRequest, WatchStart};

use super::filter::Filter;
use super::sheet::row;
use crate::connect::Server;
use crate::error::Error;
use crate::interrupt::interrupted;
use crate::output;
use crate::render::{Format, Output, json};
use crate::run::Run;
use crate::word::choice;

#[derive(Debug, Args)]
#[command(after_help = "Examples: orders watch --customer 17850\n          \
                        orders watch --start snapshot --state placed -o jsonl\n\n\
                        Ends with Ctrl-C or an error, and then prints on standard error how to go \
                        on: nothing is missed and nothing is repeated.")]
pub struct Watch {
    /// Where to start: now, with a snapshot of the orders, or at the beginning of the log.
    #[arg(long, default_value = "now", value_parser = choice(WatchStart::as_str_name))]
    start: WatchStart,
    /// Go on after an earlier watch with the same filter, by its resume token.
    #[arg(long = "resume", value_name = "TOKEN", conflicts_with = "start")]
    resume_token: Option<String>,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    format: Format,
}

impl Run for Watch {
    async fn run(self) -> Result<(), Error> {
        let mut last = self.resume_token.clone().unwrap_or_default();
        let service = self.server.connect().await?;
        let start = if last.is_empty() {
            self.start
        } else {
            WatchStart::Unspecified
        };
        let request = WatchOrdersRequest {
            filter: Some(self.filter.into_request()?),
            start: start.into(),
            resume_token: last.clone(),
            read_mask: None,
        };
        let format = &self.format;
        let watch = async {
            let mut client = OrderHistoryServiceClient::new(service.channel());
            let mut messages = client.watch_orders(request).await?.into_inner();
            while let Some(message) = messages.message().await? {
                if let Some(text) = text(format, &message)? {
                    output::line(&text)?;
                }
                last = message.resume_token;
            }
            Ok(())
        };
        let ended = tokio::select! {
            biased;
            () = interrupted() => Ok(()),
            ended = watch => ended,
        };
        if !last.is_empty() {
            output::note(&format!(
                "go on with `orders watch --resume {last}` and the same filter"
            ));
        }
        ended
    }
}

/// A message as one line; nothing for one that carries no news.
fn text(format: &Format, message: &v1::WatchOrdersResponse) -> Result<Option<String>, Error> {
    let news = match &message.what {
        None | Some(What::Heartbeat(_)) => return Ok(None),
        Some(news) => news,
    };
    match format.output {
        Output::Table => Ok(Some(line(news))),
        Output::Json | Output::Jsonl => Ok(Some(json("WatchOrdersResponse", message)?.to_string())),
    }
}

fn line(news: &What) -> String {
    match news {
        What::Snapshot(order) => order_line(order),
        What::SnapshotEnd(_) => "-- all orders as they are; changes follow".to_owned(),
        What::Change(change) => {
            let order = change.order.clone().unwrap_or_default();
            let events = change.event_types.join(",");
            let left = if change.matches {
                ""
            } else {
                "  (does not match any more)"
            };
            format!("{}  {events}{left}", order_line(&order))
        }
        What::Unreadable(order) => format!(
            "{}  UNREADABLE at {}: {}",
            order.order_id, order.position, order.cause
        ),
        What::Heartbeat(_) => String::new(),
    }
}

fn order_line(order: &v1::Order) -> String {
    row(order).join("  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order() -> v1::Order {
        v1::Order {
            order_id: "o-1".to_owned(),
            version: 3,
            state: v1::OrderState::Placed.into(),
            ..v1::Order::default()
        }
    }

    #[test]
    fn a_change_is_one_line_with_its_events() {
        let change = v1::OrderChange {
            order: Some(order()),
            event_types: vec!["ItemsShipped".to_owned(), "OrderCompleted".to_owned()],
            matches: false,
            ..v1::OrderChange::default()
        };
        let line = line(&What::Change(change));
        assert!(line.starts_with("o-1  3  placed  "), "{line}");
        let events = "ItemsShipped,OrderCompleted  (does not match any more)";
        assert!(line.ends_with(events), "{line}");
    }

    #[test]
    fn a_heartbeat_is_not_printed() {
        let format = Format {
            output: Output::Jsonl,
        };
        let message = v1::WatchOrdersResponse {
            what: Some(What::Heartbeat(v1::Heartbeat {})),
            resume_token: "t".to_owned(),
        };
        assert_eq!(text(&format, &message).expect("text"), None);
    }
}
