//! Facts of the payment provider.

use order::Command;
use order::command::{AuthorizePayment, CapturePayment, FailPayment, RefundPayment, VoidPayment};
use order::value::{PaymentId, PspReference, RefundKind, ReturnId};
use proto::v1;

use super::{Wire, accessors};
use crate::parse::field::{At, Fields};
use crate::parse::value;

impl Wire for v1::AuthorizePaymentRequest {
    const METHOD: &'static str = "AuthorizePayment";

    accessors!();

    fn command(&self, fields: &mut Fields) -> Option<Command> {
        let root = At::Root;
        let payment_id =
            fields.optional(root.field("payment_id"), &self.payment_id, PaymentId::new);
        let amount = fields.money(root.field("amount"), self.amount.as_ref(), 1);
        let method = fields.required(root.field("method"), &self.method, value::word);
        let psp_reference = reference(fields, &self.psp_reference);
        let expire_time = fields.time(root.field("expire_time"), self.expire_time.as_ref());
        Some(Command::AuthorizePayment(AuthorizePayment {
            payment_id,
            amount: amount?,
            method: method?,
            psp_reference: psp_reference?,
            expire_time,
            capture: self.capture,
        }))
    }
}

impl Wire for v1::CapturePaymentRequest {
    const METHOD: &'static str = "CapturePayment";

    accessors!();

    fn command(&self, fields: &mut Fields) -> Option<Command> {
        let payment_id = payment_id(fields, &self.payment_id);
        let amount = fields.money(At::Root.field("amount"), self.amount.as_ref(), 1);
        let psp_reference = reference(fields, &self.psp_reference);
        Some(Command::CapturePayment(CapturePayment {
            payment_id: payment_id?,
            amount: amount?,
            psp_reference: psp_reference?,
        }))
    }
}

impl Wire for v1::VoidPaymentRequest {
    const METHOD: &'static str = "VoidPayment";

    accessors!();

    fn command(&self, fields: &mut Fields) -> Option<Command> {
        let payment_id = payment_id(fields, &self.payment_id);
        let at = At::Root;
        let psp_reference = fields.optional(
            at.field("psp_reference"),
            &self.psp_reference,
            PspReference::new,
        );
        Some(Command::VoidPayment(VoidPayment {
            payment_id: payment_id?,
            psp_reference,
        }))
    }
}

impl Wire for v1::FailPaymentRequest {
    const METHOD: &'static str = "FailPayment";

    accessors!();

    fn command(&self, fields: &mut Fields) -> Option<Command> {
        let root = At::Root;
        let method = fields.required(root.field("method"), &self.method, value::word);
        let amount = fields.money(root.field("amount"), self.amount.as_ref(), 1);
        let psp_reference = reference(fields, &self.psp_reference);
        let decline_code =
            fields.required(root.field("decline_code"), &self.decline_code, value::word);
        Some(Command::FailPayment(FailPayment {
            method: method?,
            amount: amount?,
            psp_reference: psp_reference?,
            decline_code: decline_code?,
        }))
    }
}

impl Wire for v1::RefundPaymentRequest {
    const METHOD: &'static str = "RefundPayment";

    accessors!();

    fn command(&self, fields: &mut Fields) -> Option<Command> {
        let root = At::Root;
        let payment_id = payment_id(fields, &self.payment_id);
        let amount = fields.money(root.field("amount"), self.amount.as_ref(), 1);
        let kind = fields.variant(root.field("kind"), self.kind, |kind| match kind {
            v1::RefundKind::Unspecified => None,
            v1::RefundKind::Credit => Some(RefundKind::Credit),
            v1::RefundKind::Goodwill => Some(RefundKind::Goodwill),
        });
        let return_id = fields.optional(root.field("return_id"), &self.return_id, ReturnId::new);
        if kind == Some(RefundKind::Goodwill) && !self.return_id.is_empty() {
            fields.wrong(root.field("return_id"), "empty with GOODWILL");
        }
        let psp_reference = reference(fields, &self.psp_reference);
        Some(Command::RefundPayment(RefundPayment {
            payment_id: payment_id?,
            amount: amount?,
            kind: kind?,
            return_id,
            psp_reference: psp_reference?,
        }))
    }
}

fn payment_id(fields: &mut Fields, raw: &str) -> Option<PaymentId> {
    fields.required(At::Root.field("payment_id"), raw, PaymentId::new)
}

fn reference(fields: &mut Fields, raw: &str) -> Option<PspReference> {
    fields.required(At::Root.field("psp_reference"), raw, PspReference::new)
}
