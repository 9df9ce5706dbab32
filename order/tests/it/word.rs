//! Short words for values.

use order::value::{
    Amount, Currency, DiscountId, InvalidValue, LineId, Money, PaymentId, PspReference, Quantity,
    RatePpm, ReturnId, ShipmentId, Tag, Text,
};

fn valid<T>(value: Result<T, InvalidValue>) -> T {
    value.expect("a test writes valid values")
}

pub(crate) fn currency(code: &str) -> Currency {
    valid(Currency::new(code))
}

pub(crate) fn amount(minor_units: impl Into<i128>) -> Amount {
    let minor_units = i64::try_from(minor_units.into()).expect("fits");
    valid(Amount::new(minor_units))
}

pub(crate) fn pence(minor_units: i64) -> Money {
    Money {
        currency: currency("GBP"),
        amount: amount(minor_units),
    }
}

pub(crate) fn cents(minor_units: i64) -> Money {
    Money {
        currency: currency("EUR"),
        amount: amount(minor_units),
    }
}

pub(crate) fn units(units: impl Into<i128>) -> Quantity {
    valid(Quantity::new(u32::try_from(units.into()).expect("fits")))
}

pub(crate) fn rate(ppm: u32) -> RatePpm {
    valid(RatePpm::new(ppm))
}

pub(crate) fn text(text: &str) -> Text {
    valid(Text::new(text))
}

pub(crate) fn tag(text: &str) -> Tag {
    valid(Tag::new(text))
}

pub(crate) fn line_id(name: &str) -> LineId {
    valid(LineId::new(name))
}

pub(crate) fn discount_id(name: &str) -> DiscountId {
    valid(DiscountId::new(name))
}

pub(crate) fn payment_id(name: &str) -> PaymentId {
    valid(PaymentId::new(name))
}

pub(crate) fn shipment_id(name: &str) -> ShipmentId {
    valid(ShipmentId::new(name))
}

pub(crate) fn return_id(name: &str) -> ReturnId {
    valid(ReturnId::new(name))
}

pub(crate) fn psp(reference: &str) -> PspReference {
    valid(PspReference::new(reference))
}
