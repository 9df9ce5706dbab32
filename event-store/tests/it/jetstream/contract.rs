//! The laws, over the current server, the oldest one, and several partitions.

use std::sync::Arc;

use async_trait::async_trait;
use event_store::contract::Fixture;
use event_store::contract::key::KeyFixture;
use event_store::jetstream::{JetStream, JetStreamConfig};
use event_store::keys::MemoryKeys;
use event_store::memory::Memory;
use event_store::{EventStore, KeyStore, Positions};
use tokio::sync::Mutex;

use super::server::Server;
use super::{CURRENT, OLDEST, config};

/// A server of its own for each law; every log on it has its own name.
struct OnServer {
    program: &'static str,
    partitions: u32,
    /// How the log that was opened last is configured, and its server. Without the program the
    /// laws run over the model, after it was said that they were skipped.
    state: Mutex<Option<(Server, JetStreamConfig)>>,
    /// The model that was opened last, and where it ended when it was backed up.
    model: std::sync::Mutex<(Arc<Memory>, Positions)>,
}

impl OnServer {
    fn new(program: &'static str, partitions: u32) -> Self {
        Self {
            program,
            partitions,
            state: Mutex::default(),
            model: std::sync::Mutex::default(),
        }
    }

    fn model(&self) -> (Arc<Memory>, Positions) {
        self.model.lock().expect("no law panics here").clone()
    }

    fn open_model(&self) -> Arc<Memory> {
        let log = Arc::new(Memory::new(self.partitions));
        *self.model.lock().expect("no law panics here") = (log.clone(), Positions::start());
        log
    }

    async fn model_backs_up(&self) {
        let (log, _) = self.model();
        let end = log.head().await.expect("a head").last;
        *self.model.lock().expect("no law panics here") = (log, end);
    }

    fn model_restores(&self) {
        let (log, end) = self.model();
        log.roll_back(&end);
    }

    async fn connect(&self) -> Option<JetStream> {
        let mut state = self.state.lock().await;
        if state.is_none() {
            let server = Server::start(self.program).await?;
            let config = config(&server.url());
            *state = Some((server, config));
        }
        let (_, config) = state.as_mut()?;
        let name: u32 = rand::random();
        config.stream = format!("LOG{name}");
        config.subject_prefix = format!("log{name}.v1");
        config.partitions = self.partitions;
        Some(super::open_with(config.clone()).await)
    }

    async fn connect_again(&self) -> Option<JetStream> {
        let mut state = self.state.lock().await;
        let (server, config) = state.as_mut()?;
        server.stop();
        server.run().await;
        Some(super::open_with(config.clone()).await)
    }
}

#[async_trait]
impl Fixture for OnServer {
    async fn open(&self) -> Arc<dyn EventStore> {
        match self.connect().await {
            Some(log) => Arc::new(log),
            None => self.open_model(),
        }
    }

    async fn reopen(&self, log: Arc<dyn EventStore>) -> Option<Arc<dyn EventStore>> {
        drop(log);
        Some(Arc::new(self.connect_again().await?))
    }

    async fn back_up(&self) -> bool {
        match &mut *self.state.lock().await {
            Some((server, _)) => server.back_up().await,
            None => self.model_backs_up().await,
        }
        true
    }

    async fn restore(&self) -> bool {
        match &mut *self.state.lock().await {
            Some((server, _)) => server.restore().await,
            None => self.model_restores(),
        }
        true
    }
}

#[async_trait]
impl KeyFixture for OnServer {
    async fn open(&self) -> Arc<dyn KeyStore> {
        match self.connect().await {
            Some(log) => Arc::new(log.keys().await.expect("a key store")),
            None => Arc::new(MemoryKeys::new()),
        }
    }

    async fn reopen(&self, keys: Arc<dyn KeyStore>) -> Option<Arc<dyn KeyStore>> {
        drop(keys);
        let log = self.connect_again().await?;
        Some(Arc::new(log.keys().await.expect("a key store")))
    }
}

mod current {
    event_store::log_contract!(super::OnServer::new(super::CURRENT, 1));
    event_store::log_contract!(restorable super::OnServer::new(super::CURRENT, 1));
}

mod oldest {
    event_store::log_contract!(super::OnServer::new(super::OLDEST, 1));
    event_store::log_contract!(restorable super::OnServer::new(super::OLDEST, 1));
}

mod four_partitions {
    event_store::log_contract!(super::OnServer::new(super::CURRENT, 4));
    event_store::log_contract!(restorable super::OnServer::new(super::CURRENT, 4));
}

mod oldest_with_three_partitions {
    event_store::log_contract!(super::OnServer::new(super::OLDEST, 3));
}

mod keys_on_current {
    event_store::key_contract!(super::OnServer::new(super::CURRENT, 1));
}

mod keys_on_oldest {
    event_store::key_contract!(super::OnServer::new(super::OLDEST, 1));
}
