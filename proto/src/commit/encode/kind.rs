//! Enumerations, from the domain to the log.

use order::value::{ActorKind, CancelReason, HoldReason, PaymentTerms, ReturnReason};

use crate::log::v1;

pub(super) const fn actor_kind(kind: ActorKind) -> v1::ActorKind {
    match kind {
        ActorKind::Customer => v1::ActorKind::Customer,
        ActorKind::Staff => v1::ActorKind::Staff,
        ActorKind::Service => v1::ActorKind::Service,
    }
}

pub(super) const fn payment_terms(terms: PaymentTerms) -> v1::PaymentTerms {
    match terms {
        PaymentTerms::Prepaid => v1::PaymentTerms::Prepaid,
        PaymentTerms::OnAccount => v1::PaymentTerms::OnAccount,
    }
}

pub(super) const fn cancel_reason(reason: CancelReason) -> v1::CancelReason {
    match reason {
        CancelReason::Customer => v1::CancelReason::Customer,
        CancelReason::Inventory => v1::CancelReason::Inventory,
        CancelReason::Fraud => v1::CancelReason::Fraud,
        CancelReason::PaymentDeclined => v1::CancelReason::PaymentDeclined,
        CancelReason::PaymentTimeout => v1::CancelReason::PaymentTimeout,
        CancelReason::StaffError => v1::CancelReason::StaffError,
        CancelReason::Other => v1::CancelReason::Other,
    }
}

pub(super) const fn hold_reason(reason: HoldReason) -> v1::HoldReason {
    match reason {
        HoldReason::FraudReview => v1::HoldReason::FraudReview,
        HoldReason::Address => v1::HoldReason::Address,
        HoldReason::Inventory => v1::HoldReason::Inventory,
        HoldReason::AwaitingPayment => v1::HoldReason::AwaitingPayment,
        HoldReason::Other => v1::HoldReason::Other,
    }
}

pub(super) const fn return_reason(reason: ReturnReason) -> v1::ReturnReason {
    match reason {
        ReturnReason::Unwanted => v1::ReturnReason::Unwanted,
        ReturnReason::Damaged => v1::ReturnReason::Damaged,
        ReturnReason::Defective => v1::ReturnReason::Defective,
        ReturnReason::WrongItem => v1::ReturnReason::WrongItem,
        ReturnReason::Other => v1::ReturnReason::Other,
    }
}
