//! Personal data: sealed under a key of the order's own, which can be destroyed.

use event_store::{DataKey, KeyId, KeyState, Sealed, StreamId};
use order::command::EditAction;
use order::event::Personal;
use order::value::{Note, OrderId, Private, SealedBytes};
use order::{Command, Event, Order};
use proto::personal;

use super::{Call, Handler, Stream};
use crate::failure::Failure;
use crate::fingerprint as hash;
use crate::known::Done;
use crate::parse::Request;

/// How personal data of a request is kept.
pub(crate) enum Sealing {
    /// It has none.
    Nothing,
    /// Sealed under the order's key.
    Under(DataKey),
    /// Not at all: the order's key is gone for ever.
    Gone,
}

impl Handler {
    /// Makes the order's key durable, or finds the one it has.
    pub(super) async fn make_key(&self, stream: &StreamId) -> Result<Sealing, Failure> {
        match self.keys.create(stream).await.map_err(Failure::keys)? {
            KeyState::Live(key) => Ok(Sealing::Under(key)),
            KeyState::Erased => Ok(Sealing::Gone),
            KeyState::Absent => Err(Failure::internal("a key was made and is not there")),
        }
    }

    /// Destroys the order's key, and knows that it is gone.
    pub(super) async fn destroy_key(&self, stream: &StreamId) -> Result<(), Failure> {
        self.keys.erase(stream).await.map_err(Failure::keys)
    }

    /// Writes into the event of an erasure which key it destroys.
    pub(super) async fn name_erased_key(
        &self,
        stream: &Stream,
        events: &mut [Event],
    ) -> Result<(), Failure> {
        for event in events {
            let Event::PersonalDataErased { key_id } = event else {
                continue;
            };
            if let KeyState::Live(key) =
                self.keys.find(&stream.name).await.map_err(Failure::keys)?
            {
                *key_id = Some(key.id.0);
            }
        }
        Ok(())
    }

    /// The order with its personal data readable, if the command compares with that: an action that
    /// changes nothing must emit nothing.
    pub(super) async fn opened(
        &self,
        stream: &Stream,
        command: &Command,
    ) -> Result<Option<Order>, Failure> {
        let (Some(order), Command::Edit(edit)) = (&stream.known.order, command) else {
            return Ok(None);
        };
        let compares = edit.actions.iter().any(|action| {
            matches!(
                action,
                EditAction::SetCustomer(_) | EditAction::SetShipping(_)
            )
        });
        if !compares || !holds_sealed(order) {
            return Ok(None);
        }
        match self.keys.find(&stream.name).await.map_err(Failure::keys)? {
            KeyState::Live(key) => {
                let mut order = order.clone();
                personal::open_order(&mut order, |group, sealed| {
                    open(&key, &stream.id, group, sealed)
                });
                Ok(Some(order))
            }
            KeyState::Absent | KeyState::Erased => Ok(None),
        }
    }

    /// Whether a request is the one that was done under its request id. Once the key that keyed
    /// its fingerprint is gone nobody can tell, and it is taken to be.
    pub(super) async fn is_same_request(
        &self,
        stream: &Stream,
        call: &Call,
        done: &Done,
    ) -> Result<bool, Failure> {
        let (request, Some(stored)) = (&call.request, done.fingerprint) else {
            return Ok(true);
        };
        if !request.personal {
            return Ok(hash::plain(&request.canonical) == stored);
        }
        if stream.known.erased() {
            return Ok(true);
        }
        match self.keys.find(&stream.name).await.map_err(Failure::keys)? {
            KeyState::Live(key) => Ok(hash::keyed(&request.canonical, &key) == stored),
            KeyState::Erased => Ok(true),
            // The order never sealed anything, so no earlier request had anything to seal.
            KeyState::Absent => Ok(false),
        }
    }
}

/// What stands in the commit for a request's fingerprint.
pub(super) fn fingerprint(request: &Request, sealing: &Sealing) -> Option<[u8; 32]> {
    request.context.request_id.as_ref()?;
    match sealing {
        Sealing::Nothing => Some(hash::plain(&request.canonical)),
        Sealing::Under(key) => Some(hash::keyed(&request.canonical, key)),
        Sealing::Gone => None,
    }
}

/// The events and the reason as they are stored: sealed, or without what can no longer be sealed.
pub(super) fn seal(
    order_id: &OrderId,
    mut events: Vec<Event>,
    reason: Option<&Note>,
    sealing: &Sealing,
) -> Result<(Vec<Event>, Option<Private<Note>>), Failure> {
    let key = match sealing {
        Sealing::Nothing => return Ok((events, None)),
        Sealing::Gone => {
            // Only a key that is gone could have kept it.
            let places = events.iter_mut().filter_map(Event::personal);
            places.for_each(Personal::remove);
            return Ok((events, None));
        }
        Sealing::Under(key) => key,
    };
    let place = order_id.as_str();
    let mut seal = |group: &str, plain: &[u8]| key.seal(place, group, plain).map(sealed_bytes);
    personal::seal_events(&mut events, &mut seal).map_err(Failure::keys)?;
    let reason = reason
        .map(|reason| personal::seal_reason(reason, &mut seal))
        .transpose();
    Ok((events, reason.map_err(Failure::keys)?.map(Private::Sealed)))
}

fn sealed_bytes(sealed: Sealed) -> SealedBytes {
    SealedBytes {
        key_id: sealed.key_id.0,
        nonce: sealed.nonce,
        ciphertext: sealed.ciphertext,
    }
}

fn open(key: &DataKey, order_id: &OrderId, group: &str, sealed: &SealedBytes) -> Option<Vec<u8>> {
    let sealed = Sealed {
        key_id: KeyId(sealed.key_id),
        nonce: sealed.nonce,
        ciphertext: sealed.ciphertext.clone(),
    };
    key.open(order_id.as_str(), group, &sealed).ok()
}

fn holds_sealed(order: &Order) -> bool {
    let shipping = order.shipping.as_ref();
    matches!(order.customer.contact, Some(Private::Sealed(_)))
        || shipping.is_some_and(|it| matches!(it.destination.address, Some(Private::Sealed(_))))
}
