//! Orders that the read model has set aside: parked list, show, retry.

use clap::{Args, Subcommand};
use proto::v1;
use proto::v1::read_model_service_client::ReadModelServiceClient;
use tonic::Status;

use crate::connect::{Connection, Server};
use crate::error::Error;
use crate::pages::PAGE_MAX;
use crate::render::{Format, fields, print, print_one, time};
use crate::run::{Run, run};

#[derive(Debug, Subcommand)]
pub enum Parked {
    /// List the orders of which a commit cannot be folded.
    #[command(after_help = "Example: orders parked list")]
    List(List),
    /// Show why an order is parked, and which commits wait behind.
    #[command(after_help = "Example: orders parked show demo-1")]
    Show(Show),
    /// Fold the commits of a parked order again.
    #[command(after_help = "Example: orders parked retry demo-1\n\n\
                      Exit codes: 0 all commits of the order are folded, 65 it is parked again.")]
    Retry(Retry),
}

impl Parked {
    pub(crate) async fn run(self) -> Result<(), Error> {
        match self {
            Self::List(list) => run(list).await,
            Self::Show(show) => run(show).await,
            Self::Retry(retry) => run(retry).await,
        }
    }
}

#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    format: Format,
}

const HEADER: [&str; 7] = [
    "ORDER", "CAUSE", "POSITION", "SINCE", "ATTEMPTS", "BEHIND", "DETAIL",
];

impl Run for List {
    async fn run(self) -> Result<(), Error> {
        let service = self.server.connect().await?;
        let orders = parked(&service, String::new()).await?;
        print(&self.format, "ParkedOrder", &orders, &HEADER, row)
    }
}

fn row(parked: &v1::ParkedOrder) -> Vec<String> {
    vec![
        parked.order_id.clone(),
        parked.cause.clone(),
        parked.position.clone(),
        time(parked.since.as_ref()),
        parked.attempts.to_string(),
        parked.behind_count.to_string(),
        parked.detail.clone(),
    ]
}

/// The parked orders, page after page; with an id, that one if it is parked.
async fn parked(service: &Connection, order_id: String) -> Result<Vec<v1::ParkedOrder>, Status> {
    let mut request = v1::ListParkedOrdersRequest {
        order_id,
        page_size: PAGE_MAX,
        page_token: String::new(),
    };
    let mut orders = Vec::new();
    loop {
        let page = service
            .ask(request.clone(), async |channel, request| {
                ReadModelServiceClient::new(channel)
                    .list_parked_orders(request)
                    .await
            })
            .await?;
        orders.extend(page.parked_orders);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return Ok(orders);
        }
    }
}

#[derive(Debug, Args)]
pub struct Show {
    /// Id of the order.
    order_id: String,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    format: Format,
}

impl Run for Show {
    async fn run(self) -> Result<(), Error> {
        let service = self.server.connect().await?;
        let orders = parked(&service, self.order_id.clone()).await?;
        match orders.first() {
            Some(order) => print_one(&self.format, "ParkedOrder", order, text),
            None => Err(Error::Rejected(format!(
                "order {:?} is not parked\nnext: `orders parked list` lists the parked orders",
                self.order_id
            ))),
        }
    }
}

fn text(parked: &v1::ParkedOrder) -> String {
    let shown = parked.behind.join(" ");
    let behind = match parked.behind_count {
        0 => String::new(),
        count => format!("{count} commits: {shown}"),
    };
    fields(&[
        ("order", parked.order_id.clone()),
        ("cause", parked.cause.clone()),
        ("detail", parked.detail.clone()),
        ("position", parked.position.clone()),
        ("commit", parked.commit_id.clone()),
        ("since", time(parked.since.as_ref())),
        ("attempts", parked.attempts.to_string()),
        ("behind", behind),
    ])
}

#[derive(Debug, Args)]
pub struct Retry {
    /// Id of the order.
    order_id: String,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    format: Format,
}

impl Run for Retry {
    async fn run(self) -> Result<(), Error> {
        let service = self.server.connect().await?;
        let request = v1::RetryParkedOrderRequest {
            order_id: self.order_id.clone(),
        };
        let answer = service
            .ask(request, async |channel, request| {
                ReadModelServiceClient::new(channel)
                    .retry_parked_order(request)
                    .await
            })
            .await?;
        let text = |answer: &v1::RetryParkedOrderResponse| match &answer.parked {
            Some(parked) => text(parked),
            None => format!("all commits of order {} are folded", self.order_id),
        };
        print_one(&self.format, "RetryParkedOrderResponse", &answer, text)?;
        if answer.healed {
            return Ok(());
        }
        Err(Error::Rejected(format!(
            "order {} is parked again\nnext: read the cause above; `orders history {}` shows the \
             events before it",
            self.order_id, self.order_id
        )))
    }
}
