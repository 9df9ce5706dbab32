//! Begin, edit, place.

use order::Command;
use order::command::{Create, Edit, EditAction, Place};
use order::value::{Channel, LineId, OrderId, PaymentTerms};
use proto::v1;

use super::{Wire, accessors};
use crate::parse::field::{At, Fields};
use crate::parse::value;

impl Wire for v1::CreateOrderRequest {
    const METHOD: &'static str = "CreateOrder";
    const CREATES: bool = true;

    accessors!();

    fn command(&self, fields: &mut Fields) -> Option<Command> {
        let root = At::Root;
        // First, for all money of the request is compared with it.
        let currency = fields.fix_currency(root.field("currency_code"), &self.currency_code);
        let channel = fields.optional(root.field("channel"), &self.channel, Channel::new);
        let terms = fields.variant(root.field("payment_terms"), self.payment_terms, terms);
        let customer = self
            .customer
            .as_ref()
            .map(|raw| value::customer(fields, root.field("customer"), raw))
            .unwrap_or_default();
        let lines = value::new_lines(fields, &self.lines);
        let shipping = self
            .shipping
            .as_ref()
            .and_then(|raw| value::shipping(fields, root.field("shipping"), raw));
        let discounts = value::discounts(fields, &root, &self.discounts);
        let tags = value::tags(fields, "tags", &self.tags);
        let metadata = value::metadata(fields, "metadata", &self.metadata);
        let related_order_id = fields.optional(
            root.field("related_order_id"),
            &self.related_order_id,
            OrderId::new,
        );
        let place = self.place.as_ref().map(|raw| {
            let at = root.field("place");
            place(
                fields,
                &at,
                raw.expected_total.as_ref(),
                raw.payment_due_time.as_ref(),
            )
        });
        Some(Command::Create(Box::new(Create {
            channel,
            currency: currency?,
            prices_include_tax: self.prices_include_tax,
            terms: terms?,
            customer,
            lines,
            shipping,
            discounts,
            tags,
            metadata,
            related_order_id,
            place,
        })))
    }
}

impl Wire for v1::EditOrderRequest {
    const METHOD: &'static str = "EditOrder";

    accessors!();

    fn command(&self, fields: &mut Fields) -> Option<Command> {
        let root = At::Root;
        let at = root.field("actions");
        if self.actions.is_empty() {
            fields.wrong(at, "at least one entry");
        }
        if !fields.at_most(at, self.actions.len(), value::ACTIONS_MAX) {
            return None;
        }
        let actions = self
            .actions
            .iter()
            .enumerate()
            .filter_map(|(index, raw)| action(fields, root.index("actions", index), raw))
            .collect();
        Some(Command::Edit(Edit { actions }))
    }
}

impl Wire for v1::PlaceOrderRequest {
    const METHOD: &'static str = "PlaceOrder";

    accessors!();

    fn command(&self, fields: &mut Fields) -> Option<Command> {
        let root = At::Root;
        let due = self.payment_due_time.as_ref();
        Some(Command::Place(place(
            fields,
            &root,
            self.expected_total.as_ref(),
            due,
        )))
    }
}

fn terms(terms: v1::PaymentTerms) -> Option<PaymentTerms> {
    match terms {
        v1::PaymentTerms::Unspecified => None,
        v1::PaymentTerms::Prepaid => Some(PaymentTerms::Prepaid),
        v1::PaymentTerms::OnAccount => Some(PaymentTerms::OnAccount),
    }
}

fn place(
    fields: &mut Fields,
    at: &At<'_>,
    expected_total: Option<&v1::Money>,
    due: Option<&prost_types::Timestamp>,
) -> Place {
    Place {
        expected_total: expected_total
            .and_then(|raw| fields.money(at.field("expected_total"), Some(raw), 0)),
        payment_due_time: fields.time(at.field("payment_due_time"), due),
    }
}

fn action(fields: &mut Fields, at: At<'_>, raw: &v1::EditAction) -> Option<EditAction> {
    use v1::edit_action::Action;

    let Some(raw) = &raw.action else {
        fields.wrong(at.field("action"), "set");
        return None;
    };
    match raw {
        Action::AddLine(raw) => {
            value::new_line(fields, at.field("add_line"), raw).map(EditAction::AddLine)
        }
        Action::SetQuantity(raw) => {
            let at = at.field("set_quantity");
            let line_id = fields.required(at.field("line_id"), &raw.line_id, LineId::new);
            let quantity = fields.quantity(at.field("quantity"), raw.quantity, 1);
            Some(EditAction::SetQuantity {
                line_id: line_id?,
                quantity: quantity?,
            })
        }
        Action::RemoveLine(raw) => {
            let at = at.field("remove_line");
            let line_id = fields.required(at.field("line_id"), &raw.line_id, LineId::new)?;
            Some(EditAction::RemoveLine { line_id })
        }
        Action::SetShipping(raw) => {
            value::shipping(fields, at.field("set_shipping"), raw).map(EditAction::SetShipping)
        }
        Action::SetDiscounts(raw) => {
            let at = at.field("set_discounts");
            Some(EditAction::SetDiscounts(value::discounts(
                fields,
                &at,
                &raw.discounts,
            )))
        }
        Action::SetCustomer(raw) => Some(EditAction::SetCustomer(value::customer(
            fields,
            at.field("set_customer"),
            raw,
        ))),
    }
}
