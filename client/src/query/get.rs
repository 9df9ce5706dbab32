//! get: one order.

use clap::Args;
use prost_types::Timestamp;
use proto::v1;
use proto::v1::get_order_request::AsOf;
use proto::v1::order_query_service_client::OrderQueryServiceClient;

use super::sheet::sheet;
use crate::ask::Asking;
use crate::error::Error;
use crate::render::print_one;
use crate::run::Run;
use crate::value::time;

#[derive(Debug, Args)]
#[command(after_help = "Example: orders get demo-1 -o json | jq .totals")]
pub struct Get {
    /// Id of the order.
    order_id: String,
    /// As it was at this version.
    #[arg(long)]
    version: Option<i64>,
    /// As it was recorded by this time, RFC 3339.
    #[arg(long, conflicts_with = "version", value_parser = time)]
    time: Option<Timestamp>,
    #[command(flatten)]
    asking: Asking,
}

impl Run for Get {
    async fn run(self) -> Result<(), Error> {
        let version = self.version.map(AsOf::Version);
        let request = v1::GetOrderRequest {
            order_id: self.order_id,
            consistency_token: self.asking.token.unwrap_or_default(),
            as_of: version.or(self.time.map(AsOf::Time)),
            ..v1::GetOrderRequest::default()
        };
        let service = self.asking.server.connect().await?;
        let answer = service
            .ask(request, async |channel, request| {
                OrderQueryServiceClient::new(channel)
                    .get_order(request)
                    .await
            })
            .await?;
        let order = answer.order.unwrap_or_default();
        print_one(&self.asking.format, "Order", &order, sheet)
    }
}
