//! `OrderHistoryService`: served from the log itself.

use order::Event;
use order::value::Currency;
use proto::api;
use proto::commit::Commit;
use proto::v1;
use proto::v1::order_history_service_server::OrderHistoryService;
use tonic::{Request, Response, Status};

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
        let asked = after.to_be_bytes();
        let fingerprint = page::fingerprint(&[order_id.as_str().as_bytes(), &asked]);
        let cursor = Cursor::decode(&request.page_token, fingerprint)?;
        let after = cursor.map_or(after, |cursor| u64::try_from(cursor.key).unwrap_or(after));
        if !request.consistency_token.is_empty() {
            // The log is never behind a token; one that is no token is still an error.
            freshness::parse(&request.consistency_token)?;
        }
        let sources = &self.0;
        let mut records = sources.records(&order_id).await?;
        let currency = currency(records.iter().map(|(_, commit)| commit))?;
        records.retain(|(_, commit)| last_version(commit) > after);
        // An event is one item; one more commit than the page can need is never opened.
        let mut wanted: Vec<&mut Commit> = records
            .iter_mut()
            .take(limit)
            .map(|(_, commit)| commit)
            .collect();
        sources.open_commits(order_id.as_str(), &mut wanted).await?;
        let mut events = Vec::new();
        let mut more = false;
        'page: for (position, commit) in &records {
            for index in 0..commit.events.len() {
                let version = commit.first_version.saturating_add(index as u64);
                if version <= after {
                    continue;
                }
                if events.len() == limit {
                    more = true;
                    break 'page;
                }
                events.extend(api::event(commit, index, *position, currency));
            }
        }
        let last = events
            .last()
            .map_or(0, |event: &v1::OrderEvent| event.version);
        let next = Cursor {
            key: last,
            id: String::new(),
        }
        .encode(fingerprint);
        let view = sources.orders.view().map_err(fault::view)?;
        Ok(Response::new(v1::ListOrderEventsResponse {
            events,
            next_page_token: if more { next } else { String::new() },
            read_token: freshness::read_token(&view),
        }))
    }
}

fn last_version(commit: &Commit) -> u64 {
    commit
        .first_version
        .saturating_add(commit.events.len() as u64)
        .saturating_sub(1)
}

fn currency<'a>(commits: impl Iterator<Item = &'a Commit>) -> Result<Currency, Status> {
    let mut events = commits.flat_map(|commit| &commit.events);
    let created = events.find_map(|event| match event {
        Event::OrderCreated(created) => Some(created.currency),
        _later => None,
    });
    created.ok_or_else(|| fault::unreadable("the history does not begin with OrderCreated"))
}
