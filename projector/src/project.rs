//! The pure part of the fold: what a commit changes in the read model.

mod keys;
mod orders;
mod reports;

use std::sync::Arc;

use order::Order;
use proto::commit::Commit;

pub use keys::Keys;
pub use orders::Orders;
pub use reports::Reports;

/// Number of the fold: raise it whenever a projection or the row of an order writes other keys or
/// values than before. A node then builds its read model anew, and keeps the one before for the
/// binary before. A test holds a hash of what a fixed history makes, and names this line.
pub const FOLD: u32 = 1;

/// The projections of a node. They see every commit in this order, and share no keys.
pub type Projections = Arc<[Box<dyn Projection>]>;

/// All projections there are.
#[must_use]
pub fn all() -> Projections {
    Arc::new([Box::new(Orders), Box::new(Reports)])
}

/// Adds keys to the read model for every commit, beside the order's row.
///
/// Pure: no clock, no I/O, nothing remembered. It runs again over the whole log at any rebuild and
/// must write the same then. One that panics parks the order, and nothing of the commit is written.
pub trait Projection: Send + Sync + 'static {
    /// Its name, for people.
    fn name(&self) -> &'static str;

    /// Writes what a commit changed.
    fn project(&self, change: &Change<'_>, keys: &mut Keys);
}

/// An order before and after one commit.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// The order.
    pub order_id: &'a str,
    /// `None` at the order's first commit.
    pub before: Option<&'a Order>,
    /// With the commit folded.
    pub after: &'a Order,
    /// The commit.
    pub commit: &'a Commit,
}
