//! Personal data: sealed under a key of the order's own, which can be destroyed.

use event_store::{KeyError, KeyState, StreamId};
use order::command::EditAction;
use order::value::{Note, OrderId, Private};
use order::{Command, Event, Order};
use proto::personal;

use super::append::Sealing;
use super::judge::Decision;
use super::{Call, Handler, Stream};
use crate::failure::Failure;
use crate::fingerprint as hash;
use crate::known::Done;
use crate::parse::Request;

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
        decision: &mut Decision,
    ) -> Result<(), Failure> {
        for event in &mut decision.events {
            if let Event::PersonalDataErased { key_id } = event {
                if let KeyState::Live(key) =
                    self.keys.find(&stream.name).await.map_err(Failure::keys)?
                {
                    *key_id = Some(key.id.0);
                }
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
            matches!(action, EditAction::SetCustomer(_) | EditAction::SetShipping(_))
        });
        if !compares || !holds_sealed(order) {
            return Ok(None);
        }
        match self.keys.find(&stream.name).await.map_err(Failure::keys)? {
            KeyState::Live(key) => {
                let mut order = order.clone();
                personal::open_order(&mut order, &stream.id, &key);
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
