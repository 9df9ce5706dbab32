//! The eighteen requests, each with its own fields.

mod compose;
mod fulfil;
mod operate;
mod pay;

use order::Command;
use order::value::OrderId;
use proto::v1;

use super::field::{At, Fields};

/// A request of the command service.
pub(crate) trait Wire: prost::Message {
    /// The method's name within the service.
    const METHOD: &'static str;
    /// Whether the order may be absent, and its id too.
    const CREATES: bool = false;

    /// The order's id as given.
    fn order_id(&self) -> &str;

    /// What the request carries beside its own fields.
    fn context(&self) -> Option<&v1::CommandContext>;

    /// The same, to be made canonical.
    fn context_mut(&mut self) -> Option<&mut v1::CommandContext>;

    /// The command, if nothing required is missing; violations go to `fields`.
    fn command(&self, fields: &mut Fields) -> Option<Command>;
}

/// The order's id; `None` with a violation, or where it is to be assigned.
pub(crate) fn order_id<W: Wire>(fields: &mut Fields, request: &W) -> Option<OrderId> {
    let root = At::Root;
    let at = root.field("order_id");
    if W::CREATES {
        fields.optional(at, request.order_id(), OrderId::new)
    } else {
        fields.required(at, request.order_id(), OrderId::new)
    }
}

/// The three accessors that every request has.
macro_rules! accessors {
    () => {
        fn order_id(&self) -> &str {
            &self.order_id
        }

        fn context(&self) -> Option<&proto::v1::CommandContext> {
            self.context.as_ref()
        }

        fn context_mut(&mut self) -> Option<&mut proto::v1::CommandContext> {
            self.context.as_mut()
        }
    };
}
use accessors;
