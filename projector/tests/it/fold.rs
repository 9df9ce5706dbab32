//! The same history makes the same bytes, however it arrives.

use std::sync::Arc;

use event_store::Record;
use projector::{Folder, Orders, Projection, Reports};
use proptest::prelude::*;
use read_model::{Store, keys};

use crate::actor::Actors;
use crate::history::{Dice, Writer};
use crate::node::{CACHE, digest_of};

/// Folds in batches of any size, with records delivered again, folders dropped with what they had
/// not written, and the store opened again.
fn folded_in_bits<P: Projection + Clone>(
    projection: &P,
    records: &[Record],
    seed: u64,
) -> [u8; 32] {
    let root = tempfile::tempdir().expect("folder");
    let mut dice = Dice::new(seed);
    let mut store = Store::open(root.path(), "bits", 1, CACHE).expect("opened");
    let mut next = 0;
    while next < records.len() {
        let mut folder =
            Folder::new(Arc::new(projection.clone()), store.active(), [0; 16]).expect("folder");
        // Whatever was delivered before may come again.
        next = next.saturating_sub(usize::try_from(dice.below(30)).expect("small"));
        let mut written = next;
        for _ in 0..dice.below(6) {
            let end = records
                .len()
                .min(next + usize::try_from(dice.below(25)).expect("small"));
            for record in &records[next..end] {
                folder.fold(record).expect("folded");
            }
            next = end;
            if dice.below(3) > 0 {
                folder.write().expect("written");
                written = next;
            }
        }
        next = written;
        drop(folder);
        if dice.below(8) == 0 {
            drop(store);
            store = Store::open(root.path(), "bits", 1, CACHE).expect("opened");
        }
    }
    store.active().digest().expect("digest")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn any_split_with_any_redelivery_makes_the_same_bytes(seed: u64, partitions in 1_u32..4) {
        let mut writer = Writer::new(seed);
        writer.wander(9, 220);
        let records = writer.records(partitions);
        prop_assert_eq!(
            folded_in_bits(&Orders, &records, seed ^ 1),
            digest_of(Orders, &records)
        );
        prop_assert_eq!(
            folded_in_bits(&Reports, &records, seed ^ 2),
            digest_of(Reports, &records)
        );
        prop_assert_eq!(
            folded_in_bits(&Actors, &records, seed ^ 3),
            digest_of(Actors, &records)
        );
    }

    #[test]
    fn an_order_stands_in_every_index_it_belongs_in_and_in_no_other(seed: u64) {
        let mut writer = Writer::new(seed);
        writer.wander(12, 300);
        let root = tempfile::tempdir().expect("folder");
        let store = Store::open(root.path(), "orders", 1, CACHE).expect("opened");
        let mut folder = Folder::new(Arc::new(Orders), store.active(), [0; 16]).expect("folder");
        for record in &writer.records(1) {
            folder.fold(record).expect("folded");
        }
        folder.write().expect("written");

        let orders = || (0..12).filter_map(|n| writer.order(&format!("o{n}")));
        let expected = [
            (keys::ROW, orders().count()),
            (keys::PLACED, orders().filter(|o| o.place_time.is_some()).count()),
            (keys::NEVER_PLACED, orders().filter(|o| o.place_time.is_none()).count()),
            (keys::CUSTOMER, orders().filter(|o| o.customer.id.is_some()).count()),
            (keys::STATES, orders().count()),
            (keys::HOLD, orders().map(|o| o.holds.len()).sum()),
            (keys::TAG, orders().map(|o| o.tags.len()).sum()),
            (keys::REFERENCE, orders().map(|o| o.payments.len() + o.shipments.len()).sum()),
            (keys::DEADLINE, orders().map(|o| {
                let lapses = o.payments.iter().filter(|p| !p.open().is_zero() && p.expire_time.is_some());
                let due = o.payment_due_time.is_some() && o.state == order::value::OrderState::Placed
                    && o.totals().captured.is_zero() && o.open_authorizations().is_zero()
                    && o.units(|line| line.shipped.units()) == 0;
                lapses.count() + usize::from(due)
            }).sum()),
            (keys::ERASED, orders().filter(|o| o.personal_data_erased).count()),
        ];
        for (prefix, count) in expected {
            let found = store.active().prefix(&[prefix]).count();
            prop_assert_eq!(found, count, "prefix {}", char::from(prefix));
        }
        let all = expected.iter().map(|(_, count)| count).sum::<usize>() + 1;
        prop_assert_eq!(store.active().prefix(&[]).count(), all);
    }
}
