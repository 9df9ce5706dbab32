//! Finishes erasures that a crash cut short: the log says that the personal data is gone, and the
//! key that opens it is still there.

use std::time::Duration;

use event_store::{Deferred, KeyState, KeyStore, StreamId};
use lifecycle::{Error, RunContext, async_trait};
use read_model::keys::{self, Parts};
use read_model::{Progress, Reader};

/// Wait after a sweep that could not be finished.
const RETRY: Duration = Duration::from_secs(10);

/// Sweeps once, when the view has caught up with the log.
pub(super) struct Component {
    orders: Reader,
    keys: Deferred<dyn KeyStore>,
}

impl Component {
    pub(super) fn new(orders: Reader, keys: Deferred<dyn KeyStore>) -> Self {
        Self { orders, keys }
    }

    async fn sweep(&self) -> anyhow::Result<()> {
        let reader = self.orders.clone();
        let erased = tokio::task::spawn_blocking(move || erased(&reader)).await??;
        for order_id in erased {
            self.destroy(&order_id).await?;
        }
        Ok(())
    }

    async fn destroy(&self, order_id: &str) -> anyhow::Result<()> {
        let stream = StreamId::new(order_id)?;
        if let KeyState::Live(_) = self.keys.find(&stream).await? {
            self.keys.erase(&stream).await?;
            tracing::warn!(order_id, "finished an erasure that was cut short");
        }
        Ok(())
    }
}

#[async_trait]
impl lifecycle::Component for Component {
    fn name(&self) -> &str {
        super::name::ERASURES
    }

    async fn run(&mut self, cx: &RunContext) -> Result<(), Error> {
        tokio::select! {
            () = cx.stopping() => {}
            () = until_swept(self) => cx.stopping().await,
        }
        Ok(())
    }
}

async fn until_swept(component: &Component) {
    let mut progress = component.orders.progress();
    let moving = |it: &Progress| it.caught_up && it.trouble.is_none();
    if progress.wait_for(moving).await.is_err() {
        return;
    }
    while let Err(error) = component.sweep().await {
        tracing::warn!(%error, "failed to sweep after erasures; trying again");
        tokio::time::sleep(RETRY).await;
    }
}

/// Orders whose personal data was erased.
fn erased(orders: &Reader) -> anyhow::Result<Vec<String>> {
    let view = orders.view()?;
    let entries = view.prefix(&[keys::ERASED]);
    let ids = entries.filter_map(|entry| match entry {
        Ok((key, _)) => Parts::of(&key).rest().map(|id| Ok(id.to_owned())),
        Err(error) => Some(Err(error.into())),
    });
    ids.collect()
}
