//! ExplainOrder: which event gave a field its present value.

use event_store::Position;
use order::value::{OrderId, Timestamp};
use order::{Event, Order};
use prost::Message as _;
use prost_reflect::{DynamicMessage, MessageDescriptor};
use proto::commit::Commit;
use proto::{api, v1};

use super::created_in;
use super::path::{Found, Path};
use crate::Sources;
use crate::blocking::blocking;
use crate::call::Replay;
use crate::failure::Failure;
use crate::orders::order_id;
use crate::schema;
use crate::stream::{Commits, Mark, erases};
use crate::wire::Fields;

impl Replay for v1::ExplainOrderRequest {
    type Checked = (OrderId, Path);
    type Reply = v1::ExplainOrderResponse;

    fn token(&self) -> &str {
        &self.consistency_token
    }

    fn check(self) -> Result<Self::Checked, Failure> {
        let order_id = order_id(&self.order_id, "order_id")?;
        Ok((order_id, Path::parse(&self.field_path)?))
    }

    async fn answer(
        sources: &Sources,
        (order_id, path): &Self::Checked,
    ) -> Result<Self::Reply, Failure> {
        let (positions, mut commits) = whole_history(sources, order_id).await?;
        if path.is_personal() {
            open(sources, order_id, &mut commits, 0..).await?;
        }
        let (id, asked) = (order_id.clone(), path.clone());
        let (commits, told) = blocking(move || explain(&id, &asked, commits)).await?;
        let event = match &told.change {
            Some(change) => event(sources, order_id, (positions, commits), change).await?,
            None => None,
        };
        let (before, after) = told
            .change
            .map(|change| (change.before, change.after))
            .unzip();
        Ok(v1::ExplainOrderResponse {
            version: i64::try_from(told.version).unwrap_or(i64::MAX),
            value: told.value,
            event,
            before: before.unwrap_or_default(),
            after: after.unwrap_or_default(),
            read_token: String::new(),
        })
    }

    fn read_token(reply: &mut Self::Reply) -> &mut String {
        &mut reply.read_token
    }
}

/// All commits of an order with their positions; at least one.
async fn whole_history(
    sources: &Sources,
    order_id: &OrderId,
) -> Result<(Vec<Position>, Vec<Commit>), Failure> {
    let mut stream = Commits::after(sources, order_id, Mark::default())?;
    let (mut positions, mut commits) = (Vec::new(), Vec::new());
    while let Some((position, commit)) = stream.next().await? {
        positions.push(position);
        commits.push(commit);
    }
    if commits.is_empty() {
        return Err(Failure::not_found(order_id.as_str()));
    }
    Ok((positions, commits))
}

/// Makes the personal data of some commits of a whole history readable.
async fn open(
    sources: &Sources,
    order_id: &OrderId,
    commits: &mut [Commit],
    which: impl std::slice::SliceIndex<[Commit], Output = [Commit]>,
) -> Result<(), Failure> {
    let erased = commits.iter().any(erases);
    let commits = commits.get_mut(which).unwrap_or_default();
    let erased = async || Ok(erased);
    sources
        .open_commits(order_id.as_str(), commits, erased)
        .await
}

/// The event of a change, as the history shows it.
async fn event(
    sources: &Sources,
    order_id: &OrderId,
    (positions, mut commits): (Vec<Position>, Vec<Commit>),
    change: &Change,
) -> Result<Option<v1::OrderEvent>, Failure> {
    let at = change.commit;
    open(sources, order_id, &mut commits, at..=at).await?;
    let currency = commits.iter().find_map(created_in);
    let (Some(commit), Some(position), Some(currency)) =
        (commits.get(at), positions.get(at), currency)
    else {
        return Ok(None);
    };
    let position = (position.partition, position.sequence);
    Ok(api::event(commit, change.event, position, currency))
}

/// What a history says about one field.
struct Explained {
    version: u64,
    value: String,
    change: Option<Change>,
}

/// The last change of the field.
struct Change {
    /// Index of its commit.
    commit: usize,
    /// Index of its event in the commit.
    event: usize,
    before: String,
    after: String,
}

/// Looks at the field after each event.
struct Watcher<'a> {
    path: &'a Path,
    schema: MessageDescriptor,
    /// The encoded top-level field, to see in a moment that nothing changed.
    bytes: Vec<u8>,
    order: DynamicMessage,
    now: Found,
    /// Whether a list ever had the element that is asked for.
    existed: bool,
}

impl<'a> Watcher<'a> {
    fn new(path: &'a Path) -> Result<Self, Failure> {
        let schema =
            schema::order().ok_or_else(|| Failure::internal("the descriptors have no Order"))?;
        let order = DynamicMessage::new(schema.clone());
        Ok(Self {
            path,
            bytes: Vec::new(),
            now: path.find(&order),
            existed: false,
            order,
            schema,
        })
    }

    /// The field's value before, if it is another one now.
    fn look(&mut self, order: &v1::Order) -> Result<Option<Found>, Failure> {
        let order = order.encode_to_vec();
        let top = Fields::of(&order).filter(|field| field.number == self.path.top());
        let bytes = top.map(|field| field.whole).collect::<Vec<_>>().concat();
        if bytes == self.bytes {
            return Ok(None);
        }
        self.order =
            DynamicMessage::decode(self.schema.clone(), &*bytes).map_err(Failure::internal)?;
        self.bytes = bytes;
        let found = self.path.find(&self.order);
        self.existed |= found != Found::NoElement;
        if found == self.now {
            return Ok(None);
        }
        Ok(Some(std::mem::replace(&mut self.now, found)))
    }

    /// The elements that the path could have named, when there never was the one that it names.
    fn check_element(&self) -> Result<(), Failure> {
        if self.existed || self.now != Found::NoElement {
            return Ok(());
        }
        let (list, names) = (self.path.list(), self.path.elements(&self.order));
        let names = if names.is_empty() {
            "nothing".to_owned()
        } else {
            names.join(", ")
        };
        let rule = format!("of an element that the order has or had: {list} has {names}");
        Err(Failure::field("field_path", &rule))
    }
}

fn explain(
    order_id: &OrderId,
    path: &Path,
    commits: Vec<Commit>,
) -> Result<(Vec<Commit>, Explained), Failure> {
    let mut watcher = Watcher::new(path)?;
    let mut order: Option<Order> = None;
    let mut change = None;
    for (index, commit) in commits.iter().enumerate() {
        for (at, event) in commit.events.iter().enumerate() {
            let shown = step(
                order_id,
                &mut order,
                (event, commit.occur_time),
                commit.record_time,
            );
            let first = shown.version <= 1;
            let before = match watcher.look(&shown)? {
                Some(_nothing) if first => String::new(),
                Some(before) => before.into_text(),
                None if is_erasure(event) && path.is_personal() => String::new(),
                None => continue,
            };
            change = Some(Change {
                commit: index,
                event: at,
                before,
                after: watcher.now.clone().into_text(),
            });
        }
    }
    watcher.check_element()?;
    let told = Explained {
        version: order.map_or(0, |order| order.version),
        value: watcher.now.into_text(),
        change,
    };
    Ok((commits, told))
}

/// The order after one more event, as callers see it.
fn step(
    order_id: &OrderId,
    order: &mut Option<Order>,
    (event, occur_time): (&Event, Timestamp),
    record_time: Timestamp,
) -> v1::Order {
    order::evolve(order, event, occur_time);
    match order {
        Some(order) => {
            order.committed(record_time);
            api::order(order_id, order)
        }
        None => v1::Order::default(),
    }
}

fn is_erasure(event: &Event) -> bool {
    matches!(event, Event::PersonalDataErased { .. })
}
