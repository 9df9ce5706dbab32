//! The orders that a watch follows, folded as their commits come.

use std::collections::HashMap;

use event_store::{Position, Record};
use order::Order;
use order::value::OrderId;
use proto::commit::{self, Commit};

use crate::Sources;
use crate::failure::Failure;
use crate::stream::{Commits, Link, Mark};

/// Most orders that are kept folded, and most bytes of their commits; beyond, all are let go and read
/// again from the log when they change.
const MAX_ORDERS: usize = 2_000;
const MAX_BYTES: usize = 8 << 20;

/// An order between two of its commits.
#[derive(Clone, Debug, Default)]
struct State {
    order: Option<Order>,
    link: Link,
}

/// A commit, with its order before and after it.
pub(super) struct Step {
    pub(super) order_id: OrderId,
    pub(super) before: Option<Order>,
    pub(super) after: Option<Order>,
    pub(super) commit: Commit,
}

/// Orders that were folded already.
#[derive(Debug, Default)]
pub(super) struct Folded {
    orders: HashMap<String, State>,
    bytes: usize,
}

impl Folded {
    /// Folds the next commit of the log into its order.
    pub(super) async fn step(
        &mut self,
        sources: &Sources,
        record: &Record,
    ) -> Result<Step, Failure> {
        let id = record.stream.as_str();
        let order_id = OrderId::new(id).map_err(|rule| Failure::unreadable(rule.0))?;
        // Without what is known, the order begins with this commit or is read from the log.
        let mut state = self.orders.remove(id).unwrap_or_default();
        let commit = match state.link.follow(record) {
            Ok(commit) => commit,
            Err(_does_not_follow) => {
                let (read, commit) = read(sources, &order_id, record.position).await?;
                state = read;
                commit
            }
        };
        let before = state.order.clone();
        commit::apply(&mut state.order, &commit);
        let after = state.order.clone();
        self.keep(id, state, record.payload.len());
        Ok(Step {
            order_id,
            before,
            after,
            commit,
        })
    }

    fn keep(&mut self, id: &str, state: State, bytes: usize) {
        if self.orders.len() >= MAX_ORDERS || self.bytes > MAX_BYTES {
            *self = Self::default();
        }
        self.bytes += bytes;
        self.orders.insert(id.to_owned(), state);
    }
}

/// Reads an order up to a commit; the state is that before it, but for its link.
async fn read(
    sources: &Sources,
    order_id: &OrderId,
    until: Position,
) -> Result<(State, Commit), Failure> {
    let mut commits = Commits::after(sources, order_id, Mark::default())?;
    let mut order = None;
    while let Some((position, commit)) = commits.next().await? {
        if position == until {
            let link = commits.mark().link;
            return Ok((State { order, link }, commit));
        }
        if position.sequence > until.sequence {
            break;
        }
        commit::apply(&mut order, &commit);
    }
    let cause = format!("the commit at {until} is not in the stream of its order");
    Err(Failure::unreadable(cause))
}

/// The order as of a bookmark's position in its partition; `None` when it began later.
pub(super) async fn as_of(
    sources: &Sources,
    order_id: &OrderId,
    until: impl Fn(Position) -> bool,
) -> Result<Option<Order>, Failure> {
    let mut commits = Commits::after(sources, order_id, Mark::default())?;
    let mut order = None;
    while let Some((position, commit)) = commits.next().await? {
        if !until(position) {
            break;
        }
        commit::apply(&mut order, &commit);
    }
    Ok(order)
}
