//! ListOrderEvents: a page reads the commits that it shows, and none before them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use event_store::Position;
use order::value::{Currency, OrderId};
use prost::Message as _;
use proto::commit::Commit;
use proto::{api, v1};

use super::created_in;
use crate::Sources;
use crate::call::Replay;
use crate::failure::Failure;
use crate::fetch::REPLY_BYTES;
use crate::orders::order_id;
use crate::page::{self, Cursor};
use crate::stream::{Commits, Link, Mark, erases, last_version};

/// A valid ListOrderEvents.
pub(crate) struct Asked {
    order_id: OrderId,
    after: u64,
    limit: usize,
    /// Where the page before ended, when there was one.
    from: Option<Place>,
    fingerprint: [u8; 8],
}

impl Replay for v1::ListOrderEventsRequest {
    type Checked = Asked;
    type Reply = v1::ListOrderEventsResponse;

    fn token(&self) -> &str {
        &self.consistency_token
    }

    fn check(self) -> Result<Asked, Failure> {
        let order_id = order_id(&self.order_id, "order_id")?;
        let limit = page::size(self.page_size)?;
        let after = u64::try_from(self.after_version)
            .map_err(|_negative| Failure::field("after_version", "0 or more"))?;
        let fingerprint = page::fingerprint(&[order_id.as_str().as_bytes(), &after.to_be_bytes()]);
        let cursor = Cursor::decode(&self.page_token, fingerprint)?;
        let shown = cursor.as_ref().and_then(|at| u64::try_from(at.key).ok());
        Ok(Asked {
            order_id,
            after: shown.unwrap_or(after),
            limit,
            from: cursor.and_then(|cursor| Place::parse(&cursor.id)),
            fingerprint,
        })
    }

    async fn answer(sources: &Sources, asked: &Asked) -> Result<Self::Reply, Failure> {
        let page = match asked.from {
            // A token from before the log was rolled back names a place that is no more.
            Some(from) => match Page::read(sources, asked, from).await {
                Err(Failure::Unreadable { .. }) => {
                    Page::read(sources, asked, Place::default()).await
                }
                read => read,
            },
            None => Page::read(sources, asked, Place::default()).await,
        };
        let (events, next) = page?.events(sources, asked).await?;
        Ok(v1::ListOrderEventsResponse {
            events,
            next_page_token: next
                .map(|next| next.encode(asked.fingerprint))
                .unwrap_or_default(),
            read_token: String::new(),
        })
    }

    fn read_token(reply: &mut Self::Reply) -> &mut String {
        &mut reply.read_token
    }
}

/// Where a page begins to read. It travels in the page token and is not believed: a commit that
/// does not go on from there is refused by its link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Place {
    mark: Mark,
    /// Known once the first commit was read.
    currency: Option<Currency>,
}

impl Place {
    /// `partition:sequence:version:currency:hash`.
    fn text(&self) -> String {
        let (Some(at), Some(hash), Some(currency)) =
            (self.mark.position, self.mark.link.hash, self.currency)
        else {
            return String::new();
        };
        let (version, hash) = (self.mark.link.version, URL_SAFE_NO_PAD.encode(hash));
        format!("{at}:{version}:{}:{hash}", currency.code())
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let position = Position::new(parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let version = parts.next()?.parse().ok()?;
        let currency = Currency::new(parts.next()?).ok()?;
        let hash = URL_SAFE_NO_PAD.decode(parts.next()?).ok()?;
        Some(Self {
            mark: Mark {
                position: Some(position),
                link: Link {
                    version,
                    hash: Some(hash.try_into().ok()?),
                },
            },
            currency: Some(currency),
        })
    }
}

/// The commits that one page needs.
struct Page<'a> {
    /// Each with the place before it and its position.
    places: Vec<(Place, Position)>,
    commits: Vec<Commit>,
    currency: Currency,
    rest: Commits<'a>,
    /// What stopped the reading: the events before it are shown, it itself is an error.
    unreadable: Option<Failure>,
}

impl<'a> Page<'a> {
    /// Commits with events behind `after`, up to one event more than the limit.
    async fn read(sources: &'a Sources, asked: &Asked, from: Place) -> Result<Self, Failure> {
        let mut rest = Commits::after(sources, &asked.order_id, from.mark)?;
        let (mut places, mut commits, mut unreadable) = (Vec::new(), Vec::new(), None);
        let mut place = from;
        let mut events = 0;
        while events <= asked.limit {
            let (position, commit) = match rest.next().await {
                Ok(Some(found)) => found,
                Ok(None) => break,
                Err(failure @ Failure::Unreadable { .. }) if place != from => {
                    unreadable = Some(failure);
                    break;
                }
                Err(failure) => return Err(failure),
            };
            let currency = place.currency.or_else(|| created_in(&commit));
            let behind = last_version(&commit).saturating_sub(asked.after);
            if behind > 0 && !commit.events.is_empty() {
                let behind = usize::try_from(behind).unwrap_or(usize::MAX);
                events += commit.events.len().min(behind);
                places.push((place, position));
                commits.push(commit);
            }
            place = Place {
                mark: rest.mark(),
                currency,
            };
        }
        let currency = place.currency.ok_or_else(|| {
            if place == from {
                Failure::not_found(asked.order_id.as_str())
            } else {
                Failure::unreadable("the history does not begin with OrderCreated")
            }
        })?;
        Ok(Self {
            places,
            commits,
            currency,
            rest,
            unreadable,
        })
    }

    /// The events of the page, and where the next one begins.
    async fn events(
        mut self,
        sources: &Sources,
        asked: &Asked,
    ) -> Result<(Vec<v1::OrderEvent>, Option<Cursor>), Failure> {
        let erased = self.commits.iter().any(erases);
        let rest = &mut self.rest;
        let erased = async || Ok(erased || rest.is_erased_later().await?);
        let id = asked.order_id.as_str();
        sources.open_commits(id, &mut self.commits, erased).await?;
        let mut events: Vec<v1::OrderEvent> = Vec::new();
        let mut bytes = 0;
        for (commit, (place, at)) in self.commits.iter().zip(&self.places) {
            for (index, version) in (0..commit.events.len()).zip(commit.first_version..) {
                if version <= asked.after {
                    continue;
                }
                let position = (at.partition, at.sequence);
                let Some(event) = api::event(commit, index, position, self.currency) else {
                    continue;
                };
                bytes += event.encoded_len();
                if events.len() == asked.limit || (bytes > REPLY_BYTES && !events.is_empty()) {
                    return Ok((events, Some(next(version, place))));
                }
                events.push(event);
            }
        }
        let next = match self.unreadable {
            Some(unreadable) if events.is_empty() => return Err(unreadable),
            Some(_shown_first) => events.last().map(|last| Cursor {
                key: last.version,
                id: String::new(),
            }),
            None => None,
        };
        Ok((events, next))
    }
}

/// The next page begins with this version, in the commit after this place.
fn next(version: u64, place: &Place) -> Cursor {
    Cursor {
        key: i64::try_from(version.saturating_sub(1)).unwrap_or(i64::MAX),
        id: place.text(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_its_text() {
        let place = Place {
            mark: Mark {
                position: Some(Position::new(u32::MAX, u64::MAX)),
                link: Link {
                    version: u64::MAX,
                    hash: Some([0xFF; 32]),
                },
            },
            currency: Currency::new("GBP").ok(),
        };
        assert_eq!(Place::parse(&place.text()), Some(place));
        let cursor = next(9, &place).encode([1; 8]);
        let decoded = Cursor::decode(&cursor, [1; 8]).expect("fits into a token");
        assert_eq!(decoded, Some(next(9, &place)));
        for text in ["", "1", "1:2:3:GBP", "1:2:3:GBP:AA", "x:2:3:GBP:AA"] {
            assert_eq!(Place::parse(text), None, "{text}");
        }
    }
}
