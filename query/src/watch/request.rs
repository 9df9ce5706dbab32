//! A valid WatchOrders.

use prost::Message as _;
use proto::v1::{self, WatchStart};

use super::token::ResumeToken;
use crate::failure::Failure;
use crate::filter::Filter;
use crate::mask::Mask;
use crate::page;

pub(super) struct Asked {
    pub(super) filter: Filter,
    /// Hash of the filter: a token goes with its filter only.
    pub(super) fingerprint: [u8; 8],
    pub(super) mask: Mask,
    pub(super) start: Start,
}

/// Where a watch begins.
pub(super) enum Start {
    Now,
    Snapshot,
    Beginning,
    After(ResumeToken),
}

impl Asked {
    pub(super) fn check(request: v1::WatchOrdersRequest) -> Result<Self, Failure> {
        // No filter and an empty one are the same.
        let filter = request.filter.clone().unwrap_or_default().encode_to_vec();
        let fingerprint = page::fingerprint(&[b"watch", &filter]);
        Ok(Self {
            start: start(&request, fingerprint)?,
            filter: Filter::parse(request.filter)?,
            fingerprint,
            mask: Mask::parse(request.read_mask)?,
        })
    }
}

fn start(request: &v1::WatchOrdersRequest, fingerprint: [u8; 8]) -> Result<Start, Failure> {
    let start = WatchStart::try_from(request.start).map_err(|_unknown| {
        Failure::field(
            "start",
            "WATCH_START_NOW, WATCH_START_SNAPSHOT or WATCH_START_BEGINNING",
        )
    })?;
    if request.resume_token.is_empty() {
        return Ok(match start {
            WatchStart::Unspecified | WatchStart::Now => Start::Now,
            WatchStart::Snapshot => Start::Snapshot,
            WatchStart::Beginning => Start::Beginning,
        });
    }
    if start != WatchStart::Unspecified {
        return Err(Failure::field("start", "absent with a resume_token"));
    }
    let refused = |rule| Failure::invalid("TOKEN_INVALID", "resume_token", rule);
    let token = ResumeToken::parse(&request.resume_token)
        .ok_or_else(|| refused("one that a watch gave out"))?;
    if token.filter != fingerprint {
        return Err(refused("used with the same filter"));
    }
    Ok(Start::After(token))
}
