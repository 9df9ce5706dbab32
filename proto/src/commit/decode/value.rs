//! Single values, from the log to the domain.

use order::value::{
    Amount, CancelReason, HoldReason, InvalidValue, LineId, PaymentId, PspReference, Quantity,
    RatePpm, ReturnReason, ShipmentId, Text, Timestamp,
};

use super::Decoded;
use crate::commit::DecodeError;
use crate::log::v1;

pub(super) fn cancel_reason(reason: v1::CancelReason) -> Decoded<CancelReason> {
    Ok(match reason {
        v1::CancelReason::Customer => CancelReason::Customer,
        v1::CancelReason::Inventory => CancelReason::Inventory,
        v1::CancelReason::Fraud => CancelReason::Fraud,
        v1::CancelReason::PaymentDeclined => CancelReason::PaymentDeclined,
        v1::CancelReason::PaymentTimeout => CancelReason::PaymentTimeout,
        v1::CancelReason::StaffError => CancelReason::StaffError,
        v1::CancelReason::Other => CancelReason::Other,
        v1::CancelReason::Unspecified => return invalid("cancel_reason"),
    })
}

pub(super) fn hold_reason(reason: v1::HoldReason) -> Decoded<HoldReason> {
    Ok(match reason {
        v1::HoldReason::FraudReview => HoldReason::FraudReview,
        v1::HoldReason::Address => HoldReason::Address,
        v1::HoldReason::Inventory => HoldReason::Inventory,
        v1::HoldReason::AwaitingPayment => HoldReason::AwaitingPayment,
        v1::HoldReason::Other => HoldReason::Other,
        v1::HoldReason::Unspecified => return invalid("hold_reason"),
    })
}

pub(super) fn return_reason(reason: v1::ReturnReason) -> Decoded<ReturnReason> {
    Ok(match reason {
        v1::ReturnReason::Unwanted => ReturnReason::Unwanted,
        v1::ReturnReason::Damaged => ReturnReason::Damaged,
        v1::ReturnReason::Defective => ReturnReason::Defective,
        v1::ReturnReason::WrongItem => ReturnReason::WrongItem,
        v1::ReturnReason::Other => ReturnReason::Other,
        v1::ReturnReason::Unspecified => return invalid("return_reason"),
    })
}

pub(super) fn invalid<T>(field: &'static str) -> Decoded<T> {
    Err(DecodeError::InvalidValue { field })
}

pub(super) fn value<T>(parsed: Result<T, InvalidValue>, field: &'static str) -> Decoded<T> {
    parsed.map_err(|_invalid| DecodeError::InvalidValue { field })
}

pub(super) fn optional<T>(
    text: &str,
    parse: impl Fn(&str) -> Result<T, InvalidValue>,
    field: &'static str,
) -> Decoded<Option<T>> {
    if text.is_empty() {
        Ok(None)
    } else {
        value(parse(text), field).map(Some)
    }
}

pub(super) fn fixed<const N: usize>(bytes: &[u8], field: &'static str) -> Decoded<[u8; N]> {
    bytes
        .try_into()
        .map_err(|_length| DecodeError::InvalidValue { field })
}

pub(super) fn optional_fixed<const N: usize>(
    bytes: &[u8],
    field: &'static str,
) -> Decoded<Option<[u8; N]>> {
    if bytes.is_empty() {
        Ok(None)
    } else {
        fixed(bytes, field).map(Some)
    }
}

pub(super) fn required_time(
    time: Option<prost_types::Timestamp>,
    field: &'static str,
) -> Decoded<Timestamp> {
    time.map(self::time)
        .ok_or(DecodeError::InvalidValue { field })
}

pub(super) fn time(time: prost_types::Timestamp) -> Timestamp {
    let micros = i64::from(time.nanos / 1_000);
    Timestamp::from_micros(
        time.seconds
            .saturating_mul(1_000_000)
            .saturating_add(micros),
    )
}

pub(super) fn text(text: &str) -> Decoded<Text> {
    value(Text::new(text), "text")
}

pub(super) fn amount(minor_units: i64) -> Decoded<Amount> {
    value(Amount::new(minor_units), "amount")
}

pub(super) fn quantity(units: u32) -> Decoded<Quantity> {
    value(Quantity::new(units), "quantity")
}

pub(super) fn rate(ppm: u32) -> Decoded<RatePpm> {
    value(RatePpm::new(ppm), "rate_ppm")
}

pub(super) fn line_id(id: &str) -> Decoded<LineId> {
    value(LineId::new(id), "line_id")
}

pub(super) fn payment_id(id: &str) -> Decoded<PaymentId> {
    value(PaymentId::new(id), "payment_id")
}

pub(super) fn shipment_id(id: &str) -> Decoded<ShipmentId> {
    value(ShipmentId::new(id), "shipment_id")
}

pub(super) fn psp_reference(reference: &str) -> Decoded<PspReference> {
    value(PspReference::new(reference), "psp_reference")
}
