//! `OrderHistoryService`: served from the log itself.

use event_store::Record;
use order::Event;
use order::value::Currency;
use prost::Message as _;
use proto::api;
use proto::commit::{self, Commit};
use proto::v1;
use proto::v1::order_history_service_server::OrderHistoryService;
use tonic::{Request, Response, Status};

use crate::as_of::is_erased;
use crate::fetch::REPLY_BYTES;
use crate::freshness;
use crate::orders::order_id;
use crate::page::{self, Cursor};
use crate::{QueryService, fault};

#[tonic::async_trait]
impl OrderHistoryService for QueryService {
    async fn list_order_events(
        &self,
        request: Request<v1::ListOrderEventsRequest>,
    ) -> Result<Response<v1::ListOrderEventsResponse>, Status> {
        let request = request.into_inner();
        let order_id = order_id(&request.order_id, "order_id")?;
        let limit = page::size(request.page_size)?;
        let after = u64::try_from(request.after_version)
            .map_err(|_negative| fault::field("after_version", "0 or more"))?;
        let fingerprint = page::fingerprint(&[order_id.as_str().as_bytes(), &after.to_be_bytes()]);
        let cursor = Cursor::decode(&request.page_token, fingerprint)?;
        let after = cursor.map_or(after, |cursor| u64::try_from(cursor.key).unwrap_or(after));
        let sources = &self.0;
        // The log is never behind a token; one that is none, or of another log, is still an error.
        freshness::check(&sources.orders, &request.consistency_token)?;
        let view = sources.orders.view().map_err(fault::view)?;
        let records = sources.records(&order_id).await?;
        let mut found = Found::read(&records, after, limit)?;
        sources
            .open_commits(order_id.as_str(), &mut found.commits, || {
                is_erased(&records)
            })
            .await?;
        let (events, more) = found.page(after, limit)?;
        let last = events.last().map_or(0, |event| event.version);
        let next = Cursor {
            key: last,
            id: String::new(),
        };
        let reply = v1::ListOrderEventsResponse {
            events,
            next_page_token: if more {
                next.encode(fingerprint)
            } else {
                String::new()
            },
            read_token: freshness::read_token(&view),
        };
        Ok(sources.reply(&sources.orders, &view, reply))
    }
}

/// The part of a history that one page needs.
struct Found {
    currency: Currency,
    /// Position of each of the commits.
    positions: Vec<(u32, u64)>,
    commits: Vec<Commit>,
    /// What stopped the reading: the events before it are shown, it itself is an error.
    unreadable: Option<Status>,
}

impl Found {
    /// Commits with events behind `after`, up to one event more than `limit`.
    fn read(records: &[Record], after: u64, limit: usize) -> Result<Self, Status> {
        let mut currency = None;
        let (mut positions, mut commits, mut unreadable) = (Vec::new(), Vec::new(), None);
        let mut events = 0;
        for record in records {
            let commit = match commit::decode(&record.payload) {
                Ok(commit) => commit,
                Err(error) => {
                    unreadable = Some(fault::unreadable(error));
                    break;
                }
            };
            currency = currency.or_else(|| created_in(&commit));
            let behind = last_version(&commit).saturating_sub(after);
            if behind == 0 || commit.events.is_empty() {
                continue;
            }
            events += commit
                .events
                .len()
                .min(usize::try_from(behind).unwrap_or(limit));
            positions.push((record.position.partition, record.position.sequence));
            commits.push(commit);
            if events > limit {
                break;
            }
        }
        match (currency, unreadable) {
            (Some(currency), unreadable) => Ok(Self {
                currency,
                positions,
                commits,
                unreadable,
            }),
            (None, Some(unreadable)) => Err(unreadable),
            (None, None) => {
                let cause = "the history does not begin with OrderCreated";
                Err(fault::unreadable(cause))
            }
        }
    }

    /// The events of the page, and whether there are more.
    fn page(self, after: u64, limit: usize) -> Result<(Vec<v1::OrderEvent>, bool), Status> {
        let mut events: Vec<v1::OrderEvent> = Vec::new();
        let mut bytes = 0;
        for (commit, position) in self.commits.iter().zip(self.positions) {
            for index in 0..commit.events.len() {
                if commit.first_version.saturating_add(index as u64) <= after {
                    continue;
                }
                let Some(event) = api::event(commit, index, position, self.currency) else {
                    continue;
                };
                bytes += event.encoded_len();
                if events.len() == limit || (bytes > REPLY_BYTES && !events.is_empty()) {
                    return Ok((events, true));
                }
                events.push(event);
            }
        }
        match self.unreadable {
            Some(unreadable) if events.is_empty() => Err(unreadable),
            unreadable => Ok((events, unreadable.is_some())),
        }
    }
}

fn last_version(commit: &Commit) -> u64 {
    commit
        .first_version
        .saturating_add(commit.events.len() as u64)
        .saturating_sub(1)
}

fn created_in(commit: &Commit) -> Option<Currency> {
    commit.events.iter().find_map(|event| match event {
        Event::OrderCreated(created) => Some(created.currency),
        _later => None,
    })
}
