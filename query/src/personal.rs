//! Opens personal data, where there still is a key.

use event_store::{DataKey, KeyId, KeyState, Sealed, StreamId};
use order::value::{Private, SealedBytes};
use order::{Event, Order};
use proto::commit::Commit;
use proto::personal;
use tonic::Status;

use crate::mask::Mask;
use crate::{Sources, fault};

impl Sources {
    /// Makes the order's personal data readable, as far as it is wanted. Erased, never sealed or
    /// not wanted: the key store is not asked.
    pub(crate) async fn open_order(
        &self,
        order_id: &str,
        order: &mut Order,
        mask: &Mask,
    ) -> Result<(), Status> {
        let shipping = order.shipping.as_ref();
        let address = shipping.and_then(|shipping| shipping.destination.address.as_ref());
        let customer = mask.wants("customer") && is_sealed(order.customer.contact.as_ref());
        let address = mask.wants("shipping_address") && is_sealed(address);
        if !(customer || address) {
            return Ok(());
        }
        if let Some(key) = self.key(order_id).await? {
            personal::open_order(order, |group, sealed| open(&key, order_id, group, sealed));
        }
        Ok(())
    }

    /// Makes the personal data of commits readable; `erased` tells whether it was erased since.
    pub(crate) async fn open_commits(
        &self,
        order_id: &str,
        commits: &mut [Commit],
        erased: impl FnOnce() -> bool,
    ) -> Result<(), Status> {
        let sealed = |commit: &mut Commit| {
            is_sealed(commit.reason.as_ref()) || commit.events.iter_mut().any(holds_sealed)
        };
        if !commits.iter_mut().any(sealed) || erased() {
            return Ok(());
        }
        let Some(key) = self.key(order_id).await? else {
            return Ok(());
        };
        for commit in commits {
            for event in &mut commit.events {
                personal::open_event(event, |group, sealed| open(&key, order_id, group, sealed));
            }
            let reason =
                personal::open_note(commit.reason.as_ref(), personal::REASON, |group, sealed| {
                    open(&key, order_id, group, sealed)
                });
            commit.reason = reason.map(Private::Clear);
        }
        Ok(())
    }

    async fn key(&self, order_id: &str) -> Result<Option<DataKey>, Status> {
        let stream = StreamId::new(order_id).map_err(fault::view)?;
        match self.keys.find(&stream).await.map_err(fault::keys)? {
            KeyState::Live(key) => Ok(Some(key)),
            KeyState::Absent | KeyState::Erased => Ok(None),
        }
    }
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
