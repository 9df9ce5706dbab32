//! I-25: a watcher that reconnects at random receives, per order, every version exactly once in
//! order, across restarts of the service and promotions of the read model.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proto::v1;
use proto::v1::WatchStart;
use proto::v1::watch_orders_response::What;

use crate::list::matches;
use crate::script::{Step, order_id, script};
use crate::watch::{Watch, after, from};
use crate::world::{World, shown};

/// What happens to the watcher after some messages.
#[derive(Clone, Copy, Debug)]
enum Cut {
    /// It hangs up and comes back.
    Reconnect,
    /// The service is another process.
    Restart,
    /// The read model is built anew and promoted.
    Promote,
}

fn cuts() -> impl Strategy<Value = Vec<(usize, Cut)>> {
    let cut = prop_oneof![Just(Cut::Reconnect), Just(Cut::Restart), Just(Cut::Promote)];
    prop::collection::vec((0..6_usize, cut), 1..8)
}

fn filter() -> impl Strategy<Value = Option<v1::OrderFilter>> {
    let filter = |filter: v1::OrderFilter| Just(Some(filter));
    prop_oneof![
        2 => Just(None),
        1 => filter(v1::OrderFilter { tags: vec!["vip".to_owned()], ..Default::default() }),
        1 => filter(v1::OrderFilter { states: vec![2], ..Default::default() }),
        1 => filter(v1::OrderFilter { on_hold: Some(true), ..Default::default() }),
        1 => filter(v1::OrderFilter { skus: vec!["A1".to_owned()], ..Default::default() }),
    ]
}

/// First and last version, and whether it matches.
type Told = Vec<(i64, i64, bool)>;

/// What a watch from the beginning must tell, order by order.
async fn expected(world: &World, filter: &v1::OrderFilter) -> BTreeMap<String, Told> {
    let mut expected: BTreeMap<String, Told> = BTreeMap::new();
    for index in 0..12 {
        let id = order_id(index);
        let mut order = None;
        let mut matched = false;
        for commit in world.commits(&id).await {
            proto::commit::apply(&mut order, &commit);
            let order = shown(&id, order.as_ref().expect("begun"));
            let is = matches(filter, &order);
            if !commit.events.is_empty() && (is || matched) {
                let first = i64::try_from(commit.first_version).expect("small");
                expected
                    .entry(id.clone())
                    .or_default()
                    .push((first, order.version, is));
            }
            matched = is;
        }
    }
    expected
}

struct Watcher {
    world: World,
    filter: Option<v1::OrderFilter>,
    watch: Watch,
    told: BTreeMap<String, Told>,
}

impl Watcher {
    /// Takes up to `count` messages; stops at a heartbeat: then there is nothing more.
    async fn take(&mut self, count: usize) {
        for _ in 0..count {
            match self.watch.next().await.expect("it goes on") {
                What::Change(change) => {
                    let told = (change.first_version, change.version, change.matches);
                    self.told.entry(change.order_id).or_default().push(told);
                }
                What::Heartbeat(_) => return,
                other => unreachable!("{other:?}"),
            }
        }
    }

    async fn cut(mut self, cut: Cut) -> Self {
        match cut {
            Cut::Reconnect => {}
            Cut::Restart => self.world = self.world.restarted(),
            Cut::Promote => {
                self.world.promote().await;
                return self;
            }
        }
        let request = if self.watch.token.is_empty() {
            from(WatchStart::Beginning)
        } else {
            after(&self.watch.token)
        };
        let filter = self.filter.clone();
        let request = v1::WatchOrdersRequest { filter, ..request };
        self.watch = Watch::open(&self.world, request).await.expect("open");
        self
    }
}

async fn check(script: Vec<Step>, cuts: Vec<(usize, Cut)>, filter: Option<v1::OrderFilter>) {
    let world = World::new().await;
    let request = v1::WatchOrdersRequest {
        filter: filter.clone(),
        ..from(WatchStart::Beginning)
    };
    let watch = Watch::open(&world, request).await.expect("open");
    let told = BTreeMap::new();
    let mut watcher = Watcher {
        world,
        filter: filter.clone(),
        watch,
        told,
    };
    let pieces = script.chunks(script.len().div_ceil(cuts.len()));
    for (piece, (messages, cut)) in pieces.zip(cuts) {
        watcher.world.run(piece).await;
        watcher.take(messages).await;
        watcher = watcher.cut(cut).await;
    }
    watcher.take(usize::MAX).await;
    let expected = expected(&watcher.world, &filter.clone().unwrap_or_default()).await;
    assert_eq!(watcher.told, expected, "{filter:?}");
    if filter.is_none() {
        for (id, told) in watcher.told {
            let mut next = 1;
            for (first, last, _) in told {
                assert_eq!(first, next, "{id}");
                next = last + 1;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_watcher_that_reconnects_at_random_gets_every_version_once_and_in_order(
        script in script(60),
        cuts in cuts(),
        filter in filter(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build();
        runtime.expect("runtime").block_on(check(script, cuts, filter));
    }
}
