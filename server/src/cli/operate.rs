//! Arguments that stop, describe and forget an order.

use clap::Args;
use proto::v1::HoldReason;

use super::Call;
use super::value::{choice, pair};

#[derive(Debug, Args)]
pub(crate) struct Hold {
    /// Id of the order.
    pub(crate) order_id: String,
    /// An order may have one hold of each reason.
    #[arg(value_parser = choice(HoldReason::as_str_name))]
    pub(crate) hold_reason: HoldReason,
    #[command(flatten)]
    pub(crate) call: Call,
}

#[derive(Debug, Args)]
pub(crate) struct Annotate {
    /// Id of the order.
    pub(crate) order_id: String,
    /// A note; kept as personal data.
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
    /// A tag to add; may be repeated.
    #[arg(long = "add-tag", value_name = "TAG")]
    pub(crate) add_tags: Vec<String>,
    /// A tag to remove; may be repeated.
    #[arg(long = "remove-tag", value_name = "TAG")]
    pub(crate) remove_tags: Vec<String>,
    /// Metadata to set; may be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    pub(crate) set_metadata: Vec<(String, String)>,
    /// A key of metadata to remove; may be repeated.
    #[arg(long, value_name = "KEY")]
    pub(crate) remove_metadata: Vec<String>,
    #[command(flatten)]
    pub(crate) call: Call,
}

#[derive(Debug, Args)]
pub(crate) struct Erase {
    /// Id of the order.
    #[arg(required_unless_present = "customer")]
    pub(crate) order_id: Option<String>,
    /// All orders of this customer instead of one order.
    #[arg(long, value_name = "ID", conflicts_with_all = ["order_id", "expected_version"])]
    pub(crate) customer: Option<String>,
    /// With --customer: find at least what the write with this consistency token made.
    #[arg(long, requires = "customer")]
    pub(crate) token: Option<String>,
    #[command(flatten)]
    pub(crate) call: Call,
}
