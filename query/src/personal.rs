//! Opens personal data, where there still is a key.

use event_store::{DataKey, KeyId, KeyState, Sealed, StreamId};
use order::value::{Customer, Destination, Private, SealedBytes};
use order::{Event, Order};
use proto::commit::Commit;
use proto::personal;

use crate::Sources;
use crate::failure::Failure;
use crate::mask::Mask;

/// Numbers of the fields of `Order` that may hold personal data.
pub(crate) const CUSTOMER: u32 = 6;
/// See [`CUSTOMER`].
pub(crate) const SHIPPING_ADDRESS: u32 = 31;

impl Sources {
    /// Makes the order's personal data readable, as far as it is wanted. Never sealed or not wanted:
    /// the key store is not asked. `erased` tells whether it was erased by any commit: asked only
    /// when there still is a key.
    pub(crate) async fn open_order(
        &self,
        order_id: &str,
        order: &mut Order,
        mask: &Mask,
        erased: impl AsyncFnOnce() -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let destination = order.shipping.as_ref().map(|it| &it.destination);
        if !needs_key(&order.customer, destination, mask) {
            return Ok(());
        }
        let Some(key) = self.key(order_id).await? else {
            return Ok(());
        };
        if !erased().await? {
            personal::open_order(order, |group, sealed| open(&key, order_id, group, sealed));
        }
        Ok(())
    }

    /// The same for the two parts that a row keeps beside the order; `erased` as the row has it.
    pub(crate) async fn open_parts(
        &self,
        order_id: &str,
        customer: &mut Customer,
        destination: &mut Destination,
        mask: &Mask,
    ) -> Result<(), Failure> {
        if !needs_key(customer, Some(destination), mask) {
            return Ok(());
        }
        if let Some(key) = self.key(order_id).await? {
            let open = |group: &str, sealed: &SealedBytes| open(&key, order_id, group, sealed);
            personal::open_customer(customer, open);
            personal::open_destination(destination, open);
        }
        Ok(())
    }

    /// Makes the personal data of commits readable; `erased` as in [`Self::open_order`].
    pub(crate) async fn open_commits(
        &self,
        order_id: &str,
        commits: &mut [Commit],
        erased: impl AsyncFnOnce() -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let sealed = |commit: &mut Commit| {
            is_sealed(commit.reason.as_ref()) || commit.events.iter_mut().any(holds_sealed)
        };
        if !commits.iter_mut().any(sealed) {
            return Ok(());
        }
        let Some(key) = self.key(order_id).await? else {
            return Ok(());
        };
        if erased().await? {
            return Ok(());
        }
        for commit in commits {
            open_commit(&key, order_id, commit);
        }
        Ok(())
    }

    async fn key(&self, order_id: &str) -> Result<Option<DataKey>, Failure> {
        let stream = StreamId::new(order_id).map_err(Failure::internal)?;
        match self.keys.find(&stream).await? {
            KeyState::Live(key) => Ok(Some(key)),
            KeyState::Absent | KeyState::Erased => Ok(None),
        }
    }
}

fn open_commit(key: &DataKey, order_id: &str, commit: &mut Commit) {
    let open = |group: &str, sealed: &SealedBytes| open(key, order_id, group, sealed);
    for event in &mut commit.events {
        personal::open_event(event, open);
    }
    let reason = personal::open_note(commit.reason.as_ref(), personal::REASON, open);
    commit.reason = reason.map(Private::Clear);
}

fn needs_key(customer: &Customer, destination: Option<&Destination>, mask: &Mask) -> bool {
    let address = destination.and_then(|destination| destination.address.as_ref());
    mask.wants(CUSTOMER) && is_sealed(customer.contact.as_ref())
        || mask.wants(SHIPPING_ADDRESS) && is_sealed(address)
}

fn is_sealed<T>(private: Option<&Private<T>>) -> bool {
    matches!(private, Some(Private::Sealed(_)))
}

fn holds_sealed(event: &mut Event) -> bool {
    event.personal().is_some_and(|place| place.is_sealed())
}

fn open(key: &DataKey, order_id: &str, group: &str, sealed: &SealedBytes) -> Option<Vec<u8>> {
    let sealed = Sealed {
        key_id: KeyId(sealed.key_id),
        nonce: sealed.nonce,
        ciphertext: sealed.ciphertext.clone(),
    };
    key.open(order_id, group, &sealed).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_personal_fields_are_those_of_the_descriptor() {
        assert_eq!(crate::schema::numbers("customer"), [CUSTOMER]);
        assert_eq!(
            crate::schema::numbers("shipping_address"),
            [SHIPPING_ADDRESS]
        );
    }
}
