//! Something that is opened at the start and closed at the stop, as two functions.

use std::future::Future;

use async_trait::async_trait;
use tokio::sync::watch;

use crate::{Component, Error, StartContext, StopContext};

/// A component made of a function that opens something and one that closes it. In between, the
/// dependents find it in its [`Slot`].
///
/// Both functions are called again when the component is restarted. `close` is called only if
/// `open` has returned a value.
///
/// ```
/// # use lifecycle::{ComponentExt, Supervisor, resource, worker};
/// let pool = resource(
///     "pool",
///     || async { Ok("a connection pool") },
///     |pool| async move { println!("closing {pool}"); Ok(()) },
/// );
/// let slot = pool.slot();
/// let reader = worker("reader", move |cx| {
///     let pool = slot.get();
///     async move {
///         println!("reading through {}", pool?);
///         cx.stopping().await;
///         Ok(())
///     }
/// });
/// let supervisor = Supervisor::builder().add(pool).add(reader.after(["pool"])).build();
/// ```
pub fn resource<T, Open, Opening, Close, Closing>(
    name: impl Into<String>,
    open: Open,
    close: Close,
) -> Resource<T, Open, Close>
where
    T: Clone + Send + Sync + 'static,
    Open: FnMut() -> Opening + Send + 'static,
    Opening: Future<Output = Result<T, Error>> + Send + 'static,
    Close: FnMut(T) -> Closing + Send + 'static,
    Closing: Future<Output = Result<(), Error>> + Send + 'static,
{
    Resource {
        name: name.into(),
        open,
        close,
        slot: watch::channel(None).0,
    }
}

/// See [`resource`].
pub struct Resource<T, Open, Close> {
    name: String,
    open: Open,
    close: Close,
    slot: watch::Sender<Option<T>>,
}

impl<T, Open, Close> Resource<T, Open, Close> {
    /// Where the dependents find it.
    pub fn slot(&self) -> Slot<T> {
        Slot {
            name: self.name.clone(),
            value: self.slot.subscribe(),
        }
    }
}

/// Where the dependents of a [`resource`] find it once it is open. Clones are of the same slot.
#[derive(Clone)]
pub struct Slot<T> {
    name: String,
    value: watch::Receiver<Option<T>>,
}

impl<T: Clone> Slot<T> {
    /// The resource. A component that comes after it always finds it.
    ///
    /// # Errors
    /// It is not open.
    pub fn get(&self) -> Result<T, Error> {
        let value = self.value.borrow().clone();
        value.ok_or_else(|| Error::new(format!("{} is not open", self.name)))
    }

    /// The resource, once it is open; `None` when it never will be.
    pub async fn opened(&mut self) -> Option<T> {
        let value = self.value.wait_for(Option::is_some).await.ok()?;
        value.clone()
    }
}

#[async_trait]
impl<T, Open, Opening, Close, Closing> Component for Resource<T, Open, Close>
where
    T: Clone + Send + Sync + 'static,
    Open: FnMut() -> Opening + Send + 'static,
    Opening: Future<Output = Result<T, Error>> + Send + 'static,
    Close: FnMut(T) -> Closing + Send + 'static,
    Closing: Future<Output = Result<(), Error>> + Send + 'static,
{
    fn name(&self) -> &str {
        &self.name
    }

    async fn start(&mut self, _cx: &StartContext) -> Result<(), Error> {
        let value = (self.open)().await?;
        self.slot.send_replace(Some(value));
        Ok(())
    }

    async fn stop(&mut self, _cx: &StopContext) -> Result<(), Error> {
        match self.slot.send_replace(None) {
            Some(value) => (self.close)(value).await,
            None => Ok(()),
        }
    }
}
