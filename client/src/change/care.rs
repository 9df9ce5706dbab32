//! Care: hold, release, annotate.

use clap::Args;
use proto::v1;
use proto::v1::HoldReason;

use super::call::Call;
use super::send::send;
use crate::error::Error;
use crate::run::Run;
use crate::value::pair;
use crate::word::choice;

#[derive(Debug, Args)]
pub struct Hold {
    /// Id of the order.
    order_id: String,
    /// Why. An order can have one hold for each reason.
    #[arg(value_parser = choice(HoldReason::as_str_name))]
    hold_reason: HoldReason,
    #[command(flatten)]
    call: Call,
}

impl Run for Hold {
    async fn run(self) -> Result<(), Error> {
        let request = v1::HoldOrderRequest {
            order_id: self.order_id,
            hold_reason: self.hold_reason.into(),
            ..v1::HoldOrderRequest::default()
        };
        send(&self.call, request).await
    }
}

#[derive(Debug, Args)]
pub struct Release {
    /// Id of the order.
    order_id: String,
    /// The reason of the hold to lift.
    #[arg(value_parser = choice(HoldReason::as_str_name))]
    hold_reason: HoldReason,
    #[command(flatten)]
    call: Call,
}

impl Run for Release {
    async fn run(self) -> Result<(), Error> {
        let request = v1::ReleaseOrderRequest {
            order_id: self.order_id,
            hold_reason: self.hold_reason.into(),
            ..v1::ReleaseOrderRequest::default()
        };
        send(&self.call, request).await
    }
}

#[derive(Debug, Args)]
pub struct Annotate {
    /// Id of the order.
    order_id: String,
    /// A note; kept as personal data.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// A tag to add; may be repeated.
    #[arg(long = "add-tag", value_name = "TAG")]
    add_tags: Vec<String>,
    /// A tag to remove; may be repeated.
    #[arg(long = "remove-tag", value_name = "TAG")]
    remove_tags: Vec<String>,
    /// Metadata to set; may be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    set_metadata: Vec<(String, String)>,
    /// A key of metadata to remove; may be repeated.
    #[arg(long, value_name = "KEY")]
    remove_metadata: Vec<String>,
    #[command(flatten)]
    call: Call,
}

impl Run for Annotate {
    async fn run(self) -> Result<(), Error> {
        let request = v1::AnnotateOrderRequest {
            order_id: self.order_id,
            note: self.note.unwrap_or_default(),
            add_tags: self.add_tags,
            remove_tags: self.remove_tags,
            set_metadata: self.set_metadata.into_iter().collect(),
            remove_metadata: self.remove_metadata,
            ..v1::AnnotateOrderRequest::default()
        };
        send(&self.call, request).await
    }
}
