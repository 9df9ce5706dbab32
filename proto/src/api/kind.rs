//! Enumerations, from the domain to the API and back.

use order::value;

use crate::v1;

macro_rules! kinds {
    ($($forward:ident / $back:ident: $domain:ty => $wire:ty { $($variant:ident),+ $(,)? })+) => {
        $(
            pub(crate) const fn $forward(value: $domain) -> $wire {
                match value {
                    $(<$domain>::$variant => <$wire>::$variant,)+
                }
            }

            #[allow(dead_code, reason = "not every state is ever read back")]
            pub(crate) const fn $back(value: $wire) -> Option<$domain> {
                match value {
                    <$wire>::Unspecified => None,
                    $(<$wire>::$variant => Some(<$domain>::$variant),)+
                }
            }
        )+
    };
}

kinds! {
    order_state / order_state_of: value::OrderState => v1::OrderState {
        Draft, Placed, Completed, Cancelled
    }
    payment_state / payment_state_of: value::PaymentState => v1::PaymentState {
        NotDue, Unpaid, Authorized, PartiallyPaid, Paid, CreditOwed, PartiallyRefunded, Refunded
    }
    fulfillment_state / fulfillment_state_of: value::FulfillmentState => v1::FulfillmentState {
        NotRequired, Unfulfilled, PartiallyShipped, Shipped, Delivered
    }
    return_state / return_state_of: value::ReturnState => v1::ReturnState {
        None, Requested, PartiallyReturned, Returned
    }
    payment_terms / payment_terms_of: value::PaymentTerms => v1::PaymentTerms {
        Prepaid, OnAccount
    }
    cancel_reason / cancel_reason_of: value::CancelReason => v1::CancelReason {
        Customer, Inventory, Fraud, PaymentDeclined, PaymentTimeout, StaffError, Other
    }
    hold_reason / hold_reason_of: value::HoldReason => v1::HoldReason {
        FraudReview, Address, Inventory, AwaitingPayment, Other
    }
    return_reason / return_reason_of: value::ReturnReason => v1::ReturnReason {
        Unwanted, Damaged, Defective, WrongItem, Other
    }
    refund_kind / refund_kind_of: value::RefundKind => v1::RefundKind { Credit, Goodwill }
    actor_kind / actor_kind_of: value::ActorKind => v1::ActorKind { Customer, Staff, Service }
}
