//! The currency that amounts on the command line are in.

use clap::Args;
use proto::Currency;

use crate::amount::currency;

/// The currency of the amounts beside it.
#[derive(Debug, Args)]
pub(crate) struct Denomination {
    /// Currency of the amounts and prices, ISO 4217.
    #[arg(long, default_value = "GBP", value_name = "CODE", value_parser = currency)]
    pub(crate) currency: Currency,
}
