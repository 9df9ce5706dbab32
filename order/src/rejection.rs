//! Why a command is refused.

use crate::value::{
    Amount, Currency, HoldReason, LineId, OrderState, PaymentId, PspReference, ReturnId,
    ShipmentId, Timestamp,
};

/// One reason for which [`decide`](crate::decide) refuses a command. Each variant is one reason of
/// the error registry, with what the caller needs to act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// Fields that are wrong given the order; all of them.
    FieldInvalid(Vec<Violation>),
    /// Money in another currency than the order's.
    CurrencyMismatch {
        /// Path of the field, for example `actions[2].add_line.unit_price`.
        field: String,
        /// The order's.
        expected: Currency,
        /// The request's.
        actual: Currency,
    },
    /// No such order.
    OrderNotFound,
    /// No such line.
    LineNotFound(LineId),
    /// No such payment.
    PaymentNotFound(PaymentId),
    /// No such shipment.
    ShipmentNotFound(ShipmentId),
    /// No such return.
    ReturnNotFound(ReturnId),
    /// The order is there already.
    OrderExists,
    /// The line id is taken.
    LineExists(LineId),
    /// The payment id is taken.
    PaymentExists(PaymentId),
    /// The provider's reference was recorded already.
    PspReferenceSeen(PspReference),
    /// The shipment id is taken.
    ShipmentExists(ShipmentId),
    /// The return id is taken.
    ReturnExists(ReturnId),
    /// The command is not for this state.
    OrderStateInvalid {
        /// The order's state.
        state: OrderState,
        /// The states that allow it.
        allowed: &'static [OrderState],
    },
    /// An order without lines cannot be placed.
    OrderEmpty,
    /// The computed total is not the one that was agreed.
    TotalMismatch {
        /// The caller's.
        expected: Amount,
        /// The computed one.
        actual: Amount,
    },
    /// More units than there are.
    QuantityExceeded {
        /// The line.
        line_id: LineId,
        /// Asked for.
        requested: u32,
        /// There are.
        available: u32,
    },
    /// More money than there is.
    AmountExceeded {
        /// Asked for.
        requested: Amount,
        /// There is.
        available: Amount,
    },
    /// Nothing of the authorisation is open.
    PaymentClosed(PaymentId),
    /// Prepaid goods are not paid for.
    PaymentNotCovered {
        /// Captured and authorised.
        covered: Amount,
        /// What must be.
        required: Amount,
    },
    /// Too early, or too late, to cancel for want of payment.
    PaymentNotOverdue {
        /// When it is due, if ever.
        due_time: Option<Timestamp>,
    },
    /// The order must not ship.
    OrderOnHold {
        /// Why.
        holds: Vec<HoldReason>,
    },
    /// No such hold.
    HoldNotFound(HoldReason),
    /// The shipment has ended.
    ShipmentClosed(ShipmentId),
    /// The return has ended.
    ReturnClosed(ReturnId),
    /// Something left already; cancel what did not.
    OrderShipped,
    /// Nothing would remain; cancel the order.
    LastItems,
    /// Money or goods still move; erase later.
    PersonalDataInUse {
        /// What stands in the way.
        cause: &'static str,
    },
    /// An accumulated limit is reached.
    LimitExceeded {
        /// What is limited, in plural: `lines`, `tags`, ….
        what: &'static str,
        /// The limit.
        limit: u64,
    },
}

/// One wrong field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field, for example `lines[3].quantity`.
    pub field: String,
    /// What it must be, a fragment that completes "must be …".
    pub rule: String,
}
