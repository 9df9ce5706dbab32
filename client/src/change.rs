//! The commands of the service, as subcommands.

mod call;
mod care;
mod compose;
mod denomination;
mod erase;
mod fulfil;
mod pay;
mod send;

use clap::Subcommand;

use crate::error::Error;
use crate::run::run;
use care::{Annotate, Hold, Release};
use compose::{Create, Edit, Place};
use erase::Erase;
use fulfil::{Cancel, CancelItems, Deliver, ReceiveReturn, RequestReturn, Ship};
use pay::{Authorize, Capture, FailPayment, Pay, Refund, VoidPayment};

/// The commands: they change one order.
#[derive(Debug, Subcommand)]
pub enum Change {
    /// Begin an order as a draft.
    #[command(
        after_help = "Example: orders create --line MUG:2:4.95 --line TRAY:1:12.75 \
                            --customer 17850 --terms prepaid"
    )]
    Create(Create),
    /// Change a draft: either all changes are made, or none.
    #[command(
        after_help = "Lines are removed first, then quantities set, then lines added; \
                      discounts, shipping and customer are replaced as a whole.\n\n\
                      Example: orders edit demo-1 --line TRAY:1:12.75 --quantity L1:3 --remove L2"
    )]
    Edit(Edit),
    /// Place a draft, or create an order and place it: its prices freeze.
    #[command(
        override_usage = "orders place [OPTIONS] <ORDER_ID>\n       \
                          orders place [OPTIONS] --line <SKU:QUANTITY:PRICE[:TITLE]>...",
        after_help = "Examples: orders place demo-1 --expected-total 22.65\n          \
                            orders place --line MUG:2:4.95 --customer 17850"
    )]
    Place(Place),
    /// Record that the payment provider authorised an amount.
    #[command(
        after_help = "Example: orders authorize demo-1 --amount 22.65 --method card \
                            --psp-reference psp-1"
    )]
    Authorize(Authorize),
    /// Record a payment: authorised and captured in one step.
    #[command(
        after_help = "Example: orders pay demo-1 --amount 22.65 --method card \
                            --psp-reference psp-1"
    )]
    Pay(Pay),
    /// Record that some of an authorisation was captured.
    #[command(after_help = "Example: orders capture demo-1 P1 --amount 9.90 --psp-reference psp-2")]
    Capture(Capture),
    /// Record that what is left of an authorisation was released.
    #[command(after_help = "Example: orders void demo-1 P1")]
    Void(VoidPayment),
    /// Record that the payment provider declined a payment.
    #[command(
        after_help = "Example: orders fail-payment demo-1 --amount 22.65 --method card \
                            --psp-reference psp-0 --decline-code 51"
    )]
    FailPayment(FailPayment),
    /// Record that the payment provider paid money back.
    #[command(
        after_help = "Example: orders refund demo-1 P1 --amount 4.95 --psp-reference psp-3 \
                            --return-id R1"
    )]
    Refund(Refund),
    /// Record that units were shipped.
    #[command(
        after_help = "Example: orders ship demo-1 --item L1:2 --item L2:1 --carrier post \
                            --tracking-number T1"
    )]
    Ship(Ship),
    /// Record that a shipment arrived, or that it failed.
    #[command(
        visible_alias = "close-shipment",
        after_help = "Example: orders deliver demo-1 S1"
    )]
    Deliver(Deliver),
    /// Cancel units that are not shipped.
    #[command(after_help = "Example: orders cancel-items demo-1 --item L1:1 \
                            --cancel-reason inventory")]
    CancelItems(CancelItems),
    /// Cancel an order of which nothing is shipped.
    #[command(after_help = "Example: orders cancel demo-1 --cancel-reason customer")]
    Cancel(Cancel),
    /// Record that the customer will send delivered units back.
    #[command(after_help = "Example: orders request-return demo-1 --item L1:1 \
                            --return-reason unwanted")]
    RequestReturn(RequestReturn),
    /// Record which units came back, and close the return.
    #[command(after_help = "Example: orders receive-return demo-1 R1 --item L1:1\n\
                            Without --item, the return is closed and no unit came back.")]
    ReceiveReturn(ReceiveReturn),
    /// Put an order on hold: nothing is shipped until the hold is released.
    #[command(after_help = "Example: orders hold demo-1 fraud-review --reason \"new address\"")]
    Hold(Hold),
    /// Release a hold.
    #[command(after_help = "Example: orders release demo-1 fraud-review")]
    Release(Release),
    /// Add a note, tags and metadata, in any state.
    #[command(
        after_help = "Example: orders annotate demo-1 --note \"called back\" --add-tag vip \
                            --set-metadata gift=yes"
    )]
    Annotate(Annotate),
    /// Make the personal data of finished orders unreadable for ever.
    #[command(
        after_help = "This is possible once the order is completed or cancelled, its balance is 0, \
                      and no payment, shipment or return of it is open.\n\n\
                      Examples: orders erase demo-1\n          \
                      orders erase --customer 17850\n\n\
                      With --customer the exit code is 0 when every order of the customer is \
                      erased. It is 65 when some do not allow it yet (they are listed with the \
                      reason; the others are erased) or when the customer has none."
    )]
    Erase(Erase),
}

impl Change {
    pub(crate) async fn run(self) -> Result<(), Error> {
        match self {
            Self::Create(create) => run(create).await,
            Self::Edit(edit) => run(edit).await,
            Self::Place(place) => run(place).await,
            Self::Authorize(authorize) => run(authorize).await,
            Self::Pay(pay) => run(pay).await,
            Self::Capture(capture) => run(capture).await,
            Self::Void(void) => run(void).await,
            Self::FailPayment(fail) => run(fail).await,
            Self::Refund(refund) => run(refund).await,
            Self::Ship(ship) => run(ship).await,
            Self::Deliver(deliver) => run(deliver).await,
            Self::CancelItems(cancel) => run(cancel).await,
            Self::Cancel(cancel) => run(cancel).await,
            Self::RequestReturn(request) => run(request).await,
            Self::ReceiveReturn(receive) => run(receive).await,
            Self::Hold(hold) => run(hold).await,
            Self::Release(release) => run(release).await,
            Self::Annotate(annotate) => run(annotate).await,
            Self::Erase(erase) => run(erase).await,
        }
    }
}
