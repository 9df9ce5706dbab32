//! A component with its place among the others, its limits and its policies.

use std::time::Duration;

use crate::{Component, OnFailure, OnFinish, Restart, RetryPolicy};

/// A component, and what its supervisor should know about it. [`ComponentExt`] makes one.
pub struct Member {
    pub(crate) component: Box<dyn Component>,
    pub(crate) options: Options,
}

pub(crate) struct Options {
    pub(crate) after: Vec<String>,
    pub(crate) after_if_present: Vec<String>,
    pub(crate) stops_before: Vec<String>,
    pub(crate) background: bool,
    pub(crate) start_timeout: Duration,
    pub(crate) drain_timeout: Duration,
    pub(crate) stop_timeout: Duration,
    pub(crate) retry: Option<Box<dyn RetryPolicy>>,
    pub(crate) on_failure: OnFailure,
    pub(crate) on_finish: OnFinish,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            after: Vec::new(),
            after_if_present: Vec::new(),
            stops_before: Vec::new(),
            background: false,
            // Long enough for a database that recovers, short enough for a deployment to notice.
            start_timeout: Duration::from_secs(30),
            // A call that takes longer than this has lost its caller anyway.
            drain_timeout: Duration::from_secs(10),
            // Releasing is closing files and sockets.
            stop_timeout: Duration::from_secs(5),
            retry: None,
            on_failure: OnFailure::Fatal,
            on_finish: OnFinish::Fail,
        }
    }
}

/// Says how a supervisor should treat a component.
///
/// ```
/// # use std::time::Duration;
/// # use lifecycle::{ComponentExt, Fixed, Restart, Supervisor, worker};
/// # let store = worker("store", |cx| async move { cx.stopping().await; Ok(()) });
/// # let mailer = worker("mailer", |cx| async move { cx.stopping().await; Ok(()) });
/// let second = Duration::from_secs(1);
/// let supervisor = Supervisor::builder()
///     .add(store)
///     .add(
///         mailer
///             .after(["store"])
///             .restart(Restart::new(3, 60 * second, Fixed::every(second)))
///             .stop_within(2 * second),
///     )
///     .build();
/// ```
pub trait ComponentExt: Sized {
    /// The component with the options that it has so far.
    fn member(self) -> Member;

    /// It starts once these are running, and drains and stops before they do.
    #[must_use]
    fn after<I: IntoIterator<Item: Into<String>>>(self, names: I) -> Member {
        with(self, |options| {
            options.after.extend(names.into_iter().map(Into::into))
        })
    }

    /// As [`after`](Self::after), for components that not every configuration has.
    #[must_use]
    fn after_if_present<I: IntoIterator<Item: Into<String>>>(self, names: I) -> Member {
        with(self, |options| {
            let names = names.into_iter().map(Into::into);
            options.after_if_present.extend(names);
        })
    }

    /// It drains and stops before these do, but its start does not wait for them. A listener is
    /// bound this way while the parts behind it still connect. Unknown names are passed over.
    #[must_use]
    fn stops_before<I: IntoIterator<Item: Into<String>>>(self, names: I) -> Member {
        with(self, |options| {
            let names = names.into_iter().map(Into::into);
            options.stops_before.extend(names);
        })
    }

    /// The start of the process does not wait for it: `startup` serves while it, and every
    /// component that comes after it, still starts. Readiness does wait.
    #[must_use]
    fn in_background(self) -> Member {
        with(self, |options| options.background = true)
    }

    /// A start that fails is tried again, unless its error is permanent. Each attempt has the
    /// whole start timeout.
    #[must_use]
    fn retry(self, policy: impl RetryPolicy + 'static) -> Member {
        with(self, |options| options.retry = Some(Box::new(policy)))
    }

    /// How long one attempt to start may take. Default 30 s.
    #[must_use]
    fn start_within(self, timeout: Duration) -> Member {
        with(self, |options| options.start_timeout = timeout)
    }

    /// How long it may take from the request to stop until its drain has returned. Default 10 s,
    /// and never more than the process has left.
    #[must_use]
    fn drain_within(self, timeout: Duration) -> Member {
        with(self, |options| options.drain_timeout = timeout)
    }

    /// How long its stop may take. Default 5 s, and never more than the process has left.
    #[must_use]
    fn stop_within(self, timeout: Duration) -> Member {
        with(self, |options| options.stop_timeout = timeout)
    }

    /// What follows when its run fails. Default [`OnFailure::Fatal`].
    #[must_use]
    fn on_failure(self, policy: OnFailure) -> Member {
        with(self, |options| options.on_failure = policy)
    }

    /// Short for [`OnFailure::Restart`].
    #[must_use]
    fn restart(self, restart: Restart) -> Member {
        self.on_failure(OnFailure::Restart(restart))
    }

    /// What follows when its run ends by itself. Default [`OnFinish::Fail`].
    #[must_use]
    fn on_finish(self, policy: OnFinish) -> Member {
        with(self, |options| options.on_finish = policy)
    }
}

impl<C: Component> ComponentExt for C {
    fn member(self) -> Member {
        Member {
            component: Box::new(self),
            options: Options::default(),
        }
    }
}

impl ComponentExt for Member {
    fn member(self) -> Member {
        self
    }
}

fn with(member: impl ComponentExt, change: impl FnOnce(&mut Options)) -> Member {
    let mut member = member.member();
    change(&mut member.options);
    member
}
