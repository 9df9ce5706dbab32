//! From the wire to the domain: everything that is wrong with a request is said at once, and what
//! comes out is valid by its types.
//!
//! Work is bounded by the limits, not by the request: a list that is too long is not looked into,
//! and violations beyond the reply's limit are counted, not rendered.

mod context;
mod field;
mod request;
mod value;

use order::command::{Create, EditAction, Shipping};
use order::value::Customer;
use order::value::{Currency, OrderId, Private, Timestamp};
use order::{Command, Violation};

pub(crate) use context::{Context, correlation_id};
pub(crate) use request::Wire;

/// The service's name, the first part of every method's.
const SERVICE: &str = "orders.v1.OrderCommandService";

/// A request whose every value is valid. No `Debug`: it holds personal data.
pub(crate) struct Request {
    /// The order; `None` when its id is to be assigned.
    pub(crate) order_id: Option<OrderId>,
    /// What is asked for.
    pub(crate) command: Command,
    /// What comes beside it.
    pub(crate) context: Context,
    /// Whether it carries personal data, which is to be sealed.
    pub(crate) personal: bool,
    /// What its fingerprint is taken of: full method name, a zero byte, and the request encoded
    /// again without request_id, validate_only and expected_version. Empty without a request_id.
    pub(crate) canonical: Vec<u8>,
    /// Size of the request on the wire, about; 0 without personal data and request_id.
    pub(crate) size: usize,
}

/// Why a request is not one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Fields are wrong; all of them, and how many more there are.
    FieldInvalid {
        violations: Vec<Violation>,
        beyond: usize,
    },
    /// No currency of that code; nothing else is wrong but currencies.
    CurrencyUnknown {
        field: String,
        violations: Vec<Violation>,
        beyond: usize,
    },
    /// Money in another currency than the order's; nothing else is wrong.
    CurrencyMismatch {
        field: String,
        expected: Currency,
        actual: Currency,
        violations: Vec<Violation>,
        beyond: usize,
    },
}

/// Parses a request.
pub(crate) fn request<W: Wire>(mut wire: W, now: Timestamp) -> Result<Request, Refused> {
    let mut fields = field::Fields::new(now);
    let order_id = request::order_id(&mut fields, &wire);
    let context = context::context(&mut fields, wire.context(), W::CREATES);
    let command = wire.command(&mut fields);
    let command = fields.finish(command)?;
    let personal = context.reason.is_some() || is_personal(&command);
    let repeatable = context.request_id.is_some();
    let size = if personal || repeatable {
        wire.encoded_len()
    } else {
        0
    };
    let canonical = if repeatable {
        canonical(&mut wire, size)
    } else {
        Vec::new()
    };
    Ok(Request {
        order_id,
        command,
        context,
        personal,
        canonical,
        size,
    })
}

fn canonical<W: Wire>(wire: &mut W, size: usize) -> Vec<u8> {
    if let Some(context) = wire.context_mut() {
        context.request_id = String::new();
        context.validate_only = false;
        context.expected_version = None;
    }
    let mut bytes = Vec::with_capacity(SERVICE.len() + W::METHOD.len() + 3 + size);
    bytes.push(b'/');
    bytes.extend_from_slice(SERVICE.as_bytes());
    bytes.push(b'/');
    bytes.extend_from_slice(W::METHOD.as_bytes());
    bytes.push(0);
    wire.encode_raw(&mut bytes);
    bytes
}

fn is_personal(command: &Command) -> bool {
    match command {
        Command::Create(create) => is_personal_create(create),
        Command::Edit(edit) => edit.actions.iter().any(|action| match action {
            EditAction::SetCustomer(customer) => names(customer),
            EditAction::SetShipping(shipping) => locates(shipping),
            EditAction::AddLine(_)
            | EditAction::SetQuantity { .. }
            | EditAction::RemoveLine { .. }
            | EditAction::SetDiscounts(_) => false,
        }),
        Command::Annotate(annotate) => matches!(annotate.note, Some(Private::Clear(_))),
        Command::Place(_)
        | Command::AuthorizePayment(_)
        | Command::CapturePayment(_)
        | Command::VoidPayment(_)
        | Command::FailPayment(_)
        | Command::RefundPayment(_)
        | Command::ShipItems(_)
        | Command::CloseShipment(_)
        | Command::CancelItems(_)
        | Command::CancelOrder(_)
        | Command::RequestReturn(_)
        | Command::ReceiveReturn(_)
        | Command::Hold(_)
        | Command::Release(_)
        | Command::ErasePersonalData => false,
    }
}

fn is_personal_create(create: &Create) -> bool {
    names(&create.customer) || create.shipping.as_ref().is_some_and(locates)
}

fn names(customer: &Customer) -> bool {
    customer.contact.is_some()
}

fn locates(shipping: &Shipping) -> bool {
    shipping.destination.address.is_some()
}
