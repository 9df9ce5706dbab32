//! Asking a log that fell silent whether it stores again.
//!
//! A server that is stopped, that has no quorum or whose disk is full keeps its connections. After the
//! first append without an answer the partition counts as silent: appends are refused at once, and
//! one try a second finds out when it is over. The try stores a message for real, in a stream of the
//! same replicas and storage that is used for nothing else: an answer alone would prove little.

use std::sync::Arc;
use std::time::Duration;

use async_nats::header::NATS_EXPECTED_STREAM;
use async_nats::jetstream::Context;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{Config, DiscardPolicy, StorageType};

use super::config::JetStreamConfig;
use super::{Inner, append, layout, set_up};
use crate::Partition;

/// Between two tries.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);

/// The subject of the stream for tries, if there is one.
pub(super) type ProbeSubject = Option<String>;

/// Finds the stream for tries, or makes it. A log without one is probed for an answer only.
pub(super) async fn set_up(context: &Context, config: &JetStreamConfig) -> ProbeSubject {
    let name = format!("{}-PROBE", config.stream);
    let subject = format!("{}.v1", name.to_lowercase());
    let wanted = Config {
        name: name.clone(),
        subjects: vec![subject.clone()],
        storage: StorageType::File,
        num_replicas: config.replicas,
        discard: DiscardPolicy::Old,
        max_messages: 1,
        ..Config::default()
    };
    let found = match layout::find(context, &name).await {
        Ok(Some(_)) => Ok(()),
        Ok(None) if config.create => set_up::create(context, wanted).await.map(|_info| ()),
        Ok(None) => Err(super::ConnectError::misconfigured("it is missing")),
        Err(error) => Err(error),
    };
    match found {
        Ok(()) => Some(subject),
        Err(error) => {
            tracing::warn!(
                stream = name,
                %error,
                "no stream for tries: a silent log counts as back as soon as it answers"
            );
            None
        }
    }
}

/// Tries silent partitions once a second until they store, for as long as the log is open.
///
/// It tries by itself, and does not wait for an append: while the log is unavailable a node leaves
/// rotation, so that no append may ever come.
pub(super) async fn probe_silent(inner: Arc<Inner>) {
    loop {
        inner.link.until_silent().await;
        for partition in inner.link.silent() {
            let connected = inner.append.is_connected();
            if connected && inner.is_answering(partition).await && inner.stores().await {
                inner.link.note_answer(partition);
            }
        }
        if !inner.link.silent().is_empty() {
            tokio::time::sleep(PROBE_INTERVAL).await;
        }
    }
}

impl Inner {
    /// Whether the partition's leader answers: it is asked for something that it must refuse.
    async fn is_answering(&self, partition: Partition) -> bool {
        let message = PublishMessage::build().header(NATS_EXPECTED_STREAM, "-");
        let subject = self.subjects.probe(partition);
        let Ok(ack) = self.append.context.send_publish(subject, message).await else {
            return false;
        };
        match ack.await {
            Ok(_) => true,
            Err(error) => append::code(&error).is_some(),
        }
    }

    /// Whether the server stores a message.
    pub(super) async fn stores(&self) -> bool {
        let Some(subject) = &self.probe else {
            return true;
        };
        let message = PublishMessage::build();
        match self
            .append
            .context
            .send_publish(subject.clone(), message)
            .await
        {
            Ok(ack) => ack.await.is_ok(),
            Err(_not_sent) => false,
        }
    }
}
