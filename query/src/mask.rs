//! Which fields of an order a caller wants.

use proto::v1;
use tonic::Status;

use crate::fault;

/// Top-level fields of `Order`, in the order of their numbers.
const FIELDS: [&str; 31] = [
    "order_id",
    "degraded",
    "version",
    "channel",
    "customer",
    "currency_code",
    "prices_include_tax",
    "payment_terms",
    "state",
    "payment_state",
    "fulfillment_state",
    "return_state",
    "holds",
    "cancel_reason",
    "lines",
    "shipping",
    "discounts",
    "totals",
    "payments",
    "shipments",
    "returns",
    "tags",
    "metadata",
    "create_time",
    "place_time",
    "payment_due_time",
    "update_time",
    "personal_data_erased",
    "related_order_id",
    "shipping_address",
    "failed_payments",
];

/// The wanted fields, each once; all when nothing was said.
#[derive(Debug, Default)]
pub(crate) struct Mask(Option<Vec<String>>);

impl Mask {
    pub(crate) fn parse(mask: Option<prost_types::FieldMask>) -> Result<Self, Status> {
        let Some(mask) = mask.filter(|mask| !mask.paths.is_empty()) else {
            return Ok(Self(None));
        };
        if mask.paths.iter().any(|path| path == "*") {
            return Ok(Self(None));
        }
        let unknown = mask
            .paths
            .iter()
            .find(|path| !FIELDS.contains(&path.as_str()));
        if let Some(path) = unknown {
            let shown: String = path
                .chars()
                .take(64)
                .filter(|c| c.is_ascii_graphic())
                .collect();
            let rule = format!("made of top-level fields of Order; {shown:?} is none");
            return Err(fault::invalid("READ_MASK_INVALID", "read_mask", &rule));
        }
        let mut fields = mask.paths;
        fields.sort_unstable();
        fields.dedup();
        Ok(Self(Some(fields)))
    }

    pub(crate) fn wants(&self, field: &str) -> bool {
        self.0
            .as_ref()
            .is_none_or(|fields| fields.iter().any(|wanted| wanted == field))
    }

    /// The order with the wanted fields only.
    pub(crate) fn apply(&self, order: v1::Order) -> v1::Order {
        if self.0.is_none() {
            return order;
        }
        let mut masked = v1::Order::default();
        macro_rules! keep {
            ($($field:ident)+) => {
                $(if self.wants(stringify!($field)) { masked.$field = order.$field; })+
            };
        }
        keep! {
            order_id degraded version channel customer currency_code prices_include_tax
            payment_terms state payment_state fulfillment_state return_state holds cancel_reason
            lines shipping discounts totals payments shipments returns tags metadata create_time
            place_time payment_due_time update_time personal_data_erased related_order_id
            shipping_address failed_payments
        }
        masked
    }
}
