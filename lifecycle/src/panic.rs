//! Turns a panic into a value, with its message and its place.

use std::{
    any::Any,
    cell::RefCell,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Once,
    task::Poll,
};

thread_local! {
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// What a panic said and where.
pub(crate) struct Panic(pub(crate) String);

/// A payload does not contain the place of the panic; only a panic hook knows it. This one notes the
/// place and calls the hook that was installed before, so that the application's own goes on working.
pub(crate) fn note_places() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let earlier = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if let Some(location) = info.location() {
                PLACE.with_borrow_mut(|place| *place = Some(location.to_string()));
            }
            earlier(info);
        }));
    });
}

pub(crate) fn catch<T>(work: impl FnOnce() -> T) -> Result<T, Panic> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| describe(&*payload))
}

/// Unwind safety is asserted: after a panic a component is only ever stopped and dropped, or
/// started afresh when its owner asked for restarts.
pub(crate) async fn catch_future<T>(future: impl Future<Output = T>) -> Result<T, Panic> {
    let mut future = pin!(future);
    poll_fn(|cx| match catch(|| future.as_mut().poll(cx)) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

fn describe(payload: &(dyn Any + Send)) -> Panic {
    let message = payload
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a payload that is not text".to_owned());
    match PLACE.with_borrow_mut(Option::take) {
        Some(place) => Panic(format!("{message}, at {place}")),
        None => Panic(message),
    }
}
