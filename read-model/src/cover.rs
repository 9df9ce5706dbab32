//! What an index entry says of its order, so that most filters need no row.

use order::value::{Amount, HoldReason, OrderState};
use order::{Order, value};

/// The columns that an index covers; none of them changes with every commit, so that an entry is
/// written again only when something it shows has changed. Enumerations are stored as the numbers of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cover {
    /// Lifecycle, payment, fulfilment and return state.
    pub states: [u8; 4],
    /// One bit for each hold reason.
    pub holds: u8,
    /// ISO 4217 code.
    pub currency: [u8; 3],
    /// `placed_total` in minor units.
    pub total: i64,
    /// Creation, microseconds since 1970.
    pub create_time: i64,
    /// Placing; 0 when it never was.
    pub place_time: i64,
    /// Empty: none.
    pub channel: String,
}

impl Cover {
    /// The columns of an order.
    #[must_use]
    pub fn of(order: &Order) -> Self {
        let mut currency = *b"XXX";
        for (to, from) in currency.iter_mut().zip(order.currency.code().bytes()) {
            *to = from;
        }
        Self {
            states: [
                state(order.state),
                payment(order.payment_state()),
                fulfillment(order.fulfillment_state()),
                returns(order.return_state()),
            ],
            holds: order
                .holds
                .iter()
                .fold(0, |bits, reason| bits | hold(*reason)),
            currency,
            total: placed_total(order).minor_units(),
            create_time: order.create_time.micros(),
            place_time: order.place_time.map_or(0, value::Timestamp::micros),
            channel: order
                .channel
                .as_ref()
                .map_or_else(String::new, ToString::to_string),
        }
    }

    /// The stored form.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(32 + self.channel.len());
        bytes.extend_from_slice(&self.states);
        bytes.push(self.holds);
        bytes.extend_from_slice(&self.currency);
        for number in [self.total, self.create_time, self.place_time] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend_from_slice(self.channel.as_bytes());
        bytes
    }

    /// Reads the stored form; `None` for anything else.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (&states, rest) = bytes.split_first_chunk::<4>()?;
        let (&holds, rest) = rest.split_first()?;
        let (&currency, mut rest) = rest.split_first_chunk::<3>()?;
        let mut number = || {
            let (number, after) = rest.split_first_chunk::<8>()?;
            rest = after;
            Some(i64::from_be_bytes(*number))
        };
        let (total, create_time, place_time) = (number()?, number()?, number()?);
        let channel = String::from_utf8(rest.to_vec()).ok()?;
        Some(Self {
            states,
            holds,
            currency,
            total,
            create_time,
            place_time,
            channel,
        })
    }
}

fn placed_total(order: &Order) -> Amount {
    match &order.placed {
        Some(placed) => placed.placed_total,
        None => order.totals().placed_total,
    }
}

/// The API's number of a state.
#[must_use]
pub const fn state(state: OrderState) -> u8 {
    match state {
        OrderState::Draft => 1,
        OrderState::Placed => 2,
        OrderState::Completed => 3,
        OrderState::Cancelled => 4,
    }
}

/// The API's number of a payment state.
#[must_use]
pub const fn payment(state: value::PaymentState) -> u8 {
    use value::PaymentState as P;
    match state {
        P::NotDue => 1,
        P::Unpaid => 2,
        P::Authorized => 3,
        P::PartiallyPaid => 4,
        P::Paid => 5,
        P::CreditOwed => 6,
        P::PartiallyRefunded => 7,
        P::Refunded => 8,
    }
}

/// The API's number of a fulfilment state.
#[must_use]
pub const fn fulfillment(state: value::FulfillmentState) -> u8 {
    use value::FulfillmentState as F;
    match state {
        F::NotRequired => 1,
        F::Unfulfilled => 2,
        F::PartiallyShipped => 3,
        F::Shipped => 4,
        F::Delivered => 5,
    }
}

/// The API's number of a return state.
#[must_use]
pub const fn returns(state: value::ReturnState) -> u8 {
    use value::ReturnState as R;
    match state {
        R::None => 1,
        R::Requested => 2,
        R::PartiallyReturned => 3,
        R::Returned => 4,
    }
}

/// The bit of a hold reason: the API's number, less one, as a shift.
#[must_use]
pub const fn hold(reason: HoldReason) -> u8 {
    match reason {
        HoldReason::FraudReview => 1,
        HoldReason::Address => 1 << 1,
        HoldReason::Inventory => 1 << 2,
        HoldReason::AwaitingPayment => 1 << 3,
        HoldReason::Other => 1 << 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cover_survives_its_stored_form() {
        let cover = Cover {
            states: [1, 2, 3, 4],
            holds: 5,
            currency: *b"GBP",
            total: -7,
            create_time: 1,
            place_time: 2,
            channel: "EIRE".to_owned(),
        };
        assert_eq!(Cover::decode(&cover.encode()), Some(cover));
        assert_eq!(Cover::decode(b"short"), None);
    }
}
