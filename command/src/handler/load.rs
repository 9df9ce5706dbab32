//! What is known of an order, and whether it still stands in the log.

use event_store::{ALL, CommitId, Consistency, Position, ReadError, Record, StreamId, StreamSlice};
use order::Command;
use order::value::OrderId;

use super::{Call, Handler, Stream};
use crate::failure::Failure;
use crate::known::{Done, Known};

impl Handler {
    /// Takes the order's place in the queue, and reads its stream if nothing is known of it, or if
    /// what is known is of an earlier epoch.
    pub(super) async fn open(&self, id: &OrderId, call: &Call) -> Result<Stream, Failure> {
        let identity = Some(self.identity().await?);
        let name = StreamId::new(id.as_str()).map_err(Failure::internal)?;
        let known = self.cache.slot(id).lock_owned().await;
        let mut stream = Stream {
            id: id.clone(),
            name,
            fresh: false,
            identity,
            known,
        };
        let epoch = self.store.epoch();
        if stream.known.loaded {
            if stream.known.epoch != epoch {
                return self.refresh(stream).await;
            }
            return Ok(stream);
        }
        // A new order's stream is taken to be empty: if it is not, the append will say so. Unless a
        // key would be made first, which a refused command must not leave behind.
        stream.known.epoch = epoch;
        let begins = matches!(call.request.command, Command::Create(_)) && !call.request.personal;
        if !begins {
            self.load(&mut stream, Consistency::Any).await?;
        }
        Ok(stream)
    }

    /// Learns everything that was committed before now. What is known is dropped and read anew if the
    /// log does not hold its last commit any more.
    pub(super) async fn refresh(&self, mut stream: Stream) -> Result<Stream, Failure> {
        stream.identity = Some(self.identity().await?);
        match self.newer(&stream).await.map_err(Failure::log)? {
            Some(newer) => self.learn(&mut stream, &newer),
            None => {
                drop_lost(&mut stream);
                self.load(&mut stream, Consistency::Latest).await?;
            }
        }
        stream.fresh = true;
        Ok(stream)
    }

    /// Reads a stream of which nothing is known.
    async fn load(&self, stream: &mut Stream, consistency: Consistency) -> Result<(), Failure> {
        let read = self.store.read_stream(&stream.name, None, ALL, consistency);
        let slice = read.await.map_err(Failure::log)?;
        self.learn(stream, &slice);
        Ok(())
    }

    pub(super) fn learn(&self, stream: &mut Stream, slice: &StreamSlice) {
        stream.known.fold(&slice.records);
        stream.known.epoch = slice.epoch;
        self.cache.weigh(&stream.id, stream.known.bytes());
    }

    /// What the leader holds after the last commit that is known; `None` when it does not hold that
    /// commit there. One read answers both: it begins with the last known record.
    pub(super) async fn newer(&self, stream: &Stream) -> Result<Option<StreamSlice>, ReadError> {
        let before = stream.known.last.map(|(last, _)| Position {
            sequence: last.sequence.saturating_sub(1),
            ..last
        });
        let read = self
            .store
            .read_stream(&stream.name, before, ALL, Consistency::Latest);
        let mut slice = read.await?;
        let Some(last) = stream.known.last else {
            return Ok(Some(slice));
        };
        if slice.records.first().map(place) != Some(last) {
            return Ok(None);
        }
        slice.records.remove(0);
        Ok(Some(slice))
    }

    /// Whether the log still holds the commit of an earlier request: asked before every replay.
    pub(super) async fn holds(&self, stream: &Stream, done: &Done) -> Result<bool, Failure> {
        let found = self.store.read_at(done.position).await;
        let found = found.map_err(Failure::log)?;
        let held =
            found.is_some_and(|it| it.stream == stream.name && it.commit_id == done.commit_id);
        if !held {
            tracing::error!(
                order_id = %stream.id,
                position = %done.position,
                commit_id = %done.commit_id,
                "the log does not hold a commit any more that it acknowledged"
            );
        }
        Ok(held)
    }
}

fn place(record: &Record) -> (Position, CommitId) {
    (record.position, record.commit_id)
}

/// Forgets what the log lost.
pub(super) fn drop_lost(stream: &mut Stream) {
    if let Some((position, commit_id)) = stream.known.last {
        tracing::error!(
            order_id = %stream.id,
            %position,
            %commit_id,
            "the log does not hold an order's last commit any more: the order is read anew"
        );
    }
    *stream.known = Known::default();
}
