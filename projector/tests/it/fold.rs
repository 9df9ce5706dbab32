//! The same history makes the same bytes, however it arrives.

use std::fs;
use std::path::Path;

use event_store::Record;
use projector::{FOLD, Folder, Mode, Projections, all};
use proptest::prelude::*;
use read_model::{Digest, keys};

use crate::actor::three;
use crate::history::{Dice, Writer};
use crate::node::{digest, digest_by, fold_all, folder, memory};

/// Folds live in batches of any size, with records delivered again and folders dropped with what
/// they had not written.
fn folded_in_bits(projections: &Projections, records: &[Record], seed: u64) -> Digest {
    let (_root, store) = memory();
    let mut dice = Dice::new(seed);
    let generation = store.create().expect("made");
    let mut next = 0;
    while next < records.len() {
        let projections = projections.clone();
        let mut folder =
            Folder::new(projections, generation.clone(), [7; 16], Mode::Live).expect("folder");
        // Whatever was delivered before may come again.
        next = next.saturating_sub(usize::try_from(dice.below(30)).expect("small"));
        let mut written = next;
        for _ in 0..dice.below(6) {
            let end = records
                .len()
                .min(next + usize::try_from(dice.below(25)).expect("small"));
            fold_all(&mut folder, &records[next..end]);
            next = end;
            if dice.below(3) > 0 {
                folder.write().expect("written");
                written = next;
            }
        }
        next = written;
    }
    digest(&generation)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn any_split_with_any_redelivery_makes_the_same_bytes(seed: u64, partitions in 1_u32..4) {
        let mut writer = Writer::new(seed);
        writer.wander(9, 220);
        let records = writer.records(partitions);
        prop_assert_eq!(
            folded_in_bits(&three(), &records, seed ^ 1),
            digest_by(three(), &records)
        );
    }

    #[test]
    fn a_build_that_goes_on_live_makes_the_same_bytes(seed: u64, cut in 1_usize..199) {
        let mut writer = Writer::new(seed);
        writer.wander(9, 200);
        let records = writer.records(1);
        let cut = cut.min(records.len());
        let (_root, store) = memory();
        let mut built = folder(&store, all(), Mode::Build);
        fold_all(&mut built, &records[..cut]);
        built.seal().expect("sealed");
        fold_all(&mut built, &records[cut..]);
        built.write().expect("written");
        prop_assert_eq!(digest(built.generation()), digest_by(all(), &records));
    }

    #[test]
    fn an_order_stands_in_every_index_it_belongs_in_and_in_no_other(seed: u64) {
        let mut writer = Writer::new(seed);
        writer.wander(12, 300);
        let (_root, store) = memory();
        let mut folder = folder(&store, all(), Mode::Live);
        fold_all(&mut folder, &writer.records(1));
        folder.write().expect("written");

        let orders = || (0..12).filter_map(|n| writer.order(&format!("o{n}")));
        let expected = [
            (keys::ROW, orders().count()),
            (keys::PLACED, orders().filter(|o| o.place_time.is_some()).count()),
            (keys::NEVER_PLACED, orders().filter(|o| o.place_time.is_none()).count()),
            (keys::UPDATED, orders().count()),
            (keys::CREATED, orders().count()),
            (keys::TOTAL, orders().count()),
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
            let found = folder.generation().prefix(&[prefix]).count();
            prop_assert_eq!(found, count, "prefix {}", char::from(prefix));
        }
        let counters = [keys::REVENUE, keys::SKU, keys::STATE_COUNT, keys::FUNNEL];
        for entry in folder.generation().prefix(&[]) {
            let (key, _) = entry.expect("read");
            let id = keys::order_id(&key);
            let known = id.as_deref().is_some_and(|id| writer.order(id).is_some());
            let other = key == keys::CHECKPOINT || counters.contains(&key[0]);
            prop_assert!(known != other, "{}", keys::show(&key));
        }
    }
}

/// What a fixed history makes: change the number in `project.rs` together with this file.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a golden file is written on demand"
)]
fn the_fold_of_this_number_makes_these_bytes() {
    let (mut wandering, mut usual) = (Writer::new(1), Writer::new(2));
    wandering.wander(40, 1_000);
    usual.usual(40, 3);
    let digests = [wandering, usual].map(|writer| digest_by(all(), &writer.records(1)));
    let found = format!("fold {FOLD}: {} {}\n", digests[0], digests[1]);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/fold");
    if std::env::var("ORDERS_BLESS").is_ok() {
        fs::write(&path, &found).expect("written");
    }
    let golden = fs::read_to_string(&path).expect("a golden file");
    assert_eq!(
        found, golden,
        "a projection or the row writes something else: raise FOLD in projector/src/project.rs, \
         then run this test with ORDERS_BLESS=1"
    );
}

#[test]
fn a_scan_between_batches_finds_what_was_changed_behind_the_fold() {
    let mut writer = Writer::new(8);
    writer.wander(10, 200);
    let records = writer.records(1);
    let (_root, store) = memory();
    let mut folder = folder(&store, all(), Mode::Live);
    for (n, chunk) in records.chunks(10).enumerate() {
        fold_all(&mut folder, chunk);
        folder.write().expect("written");
        // Never more than half done when the next batch comes.
        assert!(folder.scan(1 + n).expect("sound").is_continue());
    }
    while folder.scan(50).expect("sound").is_continue() {}

    let mut planted = read_model::Changes::default();
    planted.set(keys::row("o1"), read_model::Old::Unread, None);
    folder.generation().load(planted).expect("planted");
    let scanned = loop {
        match folder.scan(50) {
            Ok(flow) if flow.is_continue() => {}
            ended => break ended,
        }
    };
    let error = scanned.expect_err("a row is gone").to_string();
    assert!(error.contains("digest"), "{error}");
}
