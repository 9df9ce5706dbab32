//! What is known of one order's stream: the fold of its commits up to some position.

use std::collections::HashMap;

use event_store::{CommitId, Epoch, Position, Record};
use order::Order;
use order::value::{RequestId, Timestamp};
use proto::commit::{self, Commit};

use crate::outcome::Produced;

/// The fold of an order's commits up to `last`. It may be behind the log, never beside it: only
/// stored commits are folded.
#[derive(Default)]
pub(crate) struct Known {
    /// Whether the stream was read at all, or written from its start.
    pub(crate) loaded: bool,
    /// The order; `None` before its first event.
    pub(crate) order: Option<Order>,
    /// The epoch in which that was last seen to stand in the log.
    pub(crate) epoch: Epoch,
    /// The last commit, and where it lies: what the next append must expect.
    pub(crate) last: Option<(Position, CommitId)>,
    /// Hash of the last commit's bytes; the next commit carries it.
    pub(crate) last_hash: Option<[u8; 32]>,
    /// Number of commits.
    pub(crate) commits: u32,
    /// `record_time` of the last commit.
    pub(crate) record_time: Timestamp,
    /// Who sent the first commit, and under which request id: an assigned order id is theirs.
    pub(crate) opened_by: Option<(String, Option<RequestId>)>,
    /// Why a commit of the stream cannot be read, if one cannot. Nothing after it is folded.
    pub(crate) unreadable: Option<String>,
    requests: HashMap<RequestId, Done>,
}

/// What one commit did, as far as a repeated request asks for it.
#[derive(Clone)]
pub(crate) struct Done {
    /// The commit.
    pub(crate) commit_id: CommitId,
    /// Where it lies.
    pub(crate) position: Position,
    /// The order's version after it.
    pub(crate) version: u64,
    /// How many events it has.
    pub(crate) event_count: usize,
    /// Of the request; `None` when it could not be taken, as the order's key was gone.
    pub(crate) fingerprint: Option<[u8; 32]>,
    /// The ids it assigned.
    pub(crate) produced: Produced,
}

impl Known {
    /// The order's version; 0 before its first event.
    pub(crate) fn version(&self) -> u64 {
        self.order.as_ref().map_or(0, |order| order.version)
    }

    /// Whether the key of the order's personal data is destroyed, or about to be.
    pub(crate) fn erased(&self) -> bool {
        self.order
            .as_ref()
            .is_some_and(|order| order.personal_data_erased)
    }

    /// What the commit of an earlier request with this id did.
    pub(crate) fn done(&self, request_id: &RequestId) -> Option<&Done> {
        self.requests.get(request_id)
    }

    /// Folds stored records, oldest first; those that are folded already are skipped.
    pub(crate) fn fold(&mut self, records: &[Record]) {
        self.loaded = true;
        for record in records {
            let after = self
                .last
                .is_none_or(|(last, _)| last.sequence < record.position.sequence);
            if self.unreadable.is_none() && after {
                self.fold_record(record);
            }
        }
    }

    fn fold_record(&mut self, record: &Record) {
        match commit::decode(&record.payload) {
            Ok(commit) if CommitId(commit.commit_id) != record.commit_id => {
                self.unreadable = Some(format!(
                    "the record at {} is commit {}, and holds another one",
                    record.position, record.commit_id
                ));
            }
            Ok(commit) if commit.previous_hash != self.last_hash => {
                self.unreadable = Some(format!(
                    "the commit at {} does not continue the one before it: another commit's hash \
                     stands in it",
                    record.position
                ));
            }
            Ok(commit) if commit.first_version == self.version() + 1 => {
                let hash = commit::hash(&record.payload);
                self.apply(commit, record.position, hash);
            }
            Ok(commit) => {
                let expected = self.version() + 1;
                let found = commit.first_version;
                self.unreadable = Some(format!(
                    "the commit at {} begins with version {found}, not {expected}",
                    record.position
                ));
            }
            Err(error) => {
                self.unreadable = Some(format!("the commit at {}: {error}", record.position));
            }
        }
    }

    /// Folds one commit that is stored at `position`, and says what it did.
    pub(crate) fn apply(&mut self, commit: Commit, position: Position, hash: [u8; 32]) -> Done {
        // Taken out while it changes: should folding ever panic, nothing is known, not half of it.
        let mut known = std::mem::take(self);
        commit::apply(&mut known.order, &commit);
        let commit_id = CommitId(commit.commit_id);
        let done = Done {
            commit_id,
            position,
            version: known.version(),
            event_count: commit.events.len(),
            fingerprint: commit.fingerprint,
            produced: Produced::of(&commit.events, known.order.as_ref()),
        };
        if let Some(request_id) = &commit.request_id {
            known
                .requests
                .entry(request_id.clone())
                .or_insert_with(|| done.clone());
        }
        if known.opened_by.is_none() {
            known.opened_by = Some((commit.principal, commit.request_id));
        }
        known.loaded = true;
        known.last = Some((position, commit_id));
        known.last_hash = Some(hash);
        known.commits = known.commits.saturating_add(1);
        known.record_time = known.record_time.max(commit.record_time);
        *self = known;
        done
    }

    /// Bytes that this holds, about: enough to bound a cache, not to bill anyone.
    pub(crate) fn bytes(&self) -> usize {
        const BASE: usize = 1_000;
        const PER_REQUEST: usize = 250;
        const PER_LINE: usize = 350;
        const PER_PART: usize = 400;
        let order = self.order.as_ref().map_or(0, |order| {
            let parts = order.payments.len() + order.shipments.len() + order.returns.len();
            let items: usize = order
                .shipments
                .iter()
                .map(|shipment| shipment.items.len())
                .chain(
                    order
                        .returns
                        .iter()
                        .map(|back| back.requested.len() + back.received.len()),
                )
                .sum();
            let words = order.tags.len() + order.metadata.len() + order.psp_references.len();
            let discounted: usize = order.discounts.iter().map(|off| off.line_ids.len()).sum();
            order.lines.len() * PER_LINE
                + (parts + order.discounts.len()) * PER_PART
                + (items + words + discounted) * 100
        });
        BASE + self.requests.len() * PER_REQUEST + order
    }
}
