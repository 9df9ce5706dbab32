//! Signals, from the system or from a test.

use tokio::sync::mpsc;

/// A signal that a supervisor obeys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    /// SIGTERM: stop in good order.
    Terminate,
    /// SIGINT: stop in good order.
    Interrupt,
    /// SIGQUIT: log the snapshot and end at once.
    Quit,
}

impl Signal {
    /// Its number, to which a shell adds 128 for the exit code.
    pub fn number(self) -> u8 {
        match self {
            Self::Interrupt => 2,
            Self::Quit => 3,
            Self::Terminate => 15,
        }
    }
}

/// The name by which `kill` knows it.
impl std::fmt::Display for Signal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Terminate => "SIGTERM",
            Self::Interrupt => "SIGINT",
            Self::Quit => "SIGQUIT",
        })
    }
}

/// Where signals come from.
///
/// A signal that arrives before they are armed kills the process without a message. So call
/// [`Signals::arm`] in the first line of `main`. A supervisor that was given no source arms its own
/// before it does anything else.
pub struct Signals(Source);

enum Source {
    #[cfg(unix)]
    Unix(Box<Unix>),
    Mock(mpsc::UnboundedReceiver<Signal>),
}

#[cfg(unix)]
struct Unix {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    quit: tokio::signal::unix::Signal,
}

/// Sends signals to a supervisor under test.
#[derive(Clone)]
pub struct MockSignals(mpsc::UnboundedSender<Signal>);

impl MockSignals {
    /// Delivers a signal. After the supervisor has returned it has no effect.
    pub fn send(&self, signal: Signal) {
        self.0.send(signal).ok();
    }
}

impl Signals {
    /// Listens to SIGTERM, SIGINT and SIGQUIT from now on. Needs a running tokio runtime.
    #[cfg(unix)]
    pub fn arm() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self(Source::Unix(Box::new(Unix {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
        }))))
    }

    /// No signals at all: the process is stopped through its [`Handle`](crate::Handle).
    pub fn none() -> Self {
        Self::mock().1
    }

    /// A source that a test drives.
    pub fn mock() -> (MockSignals, Self) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (MockSignals(sender), Self(Source::Mock(receiver)))
    }

    /// The next signal. Cancel safe.
    pub(crate) async fn next(&mut self) -> Signal {
        match &mut self.0 {
            #[cfg(unix)]
            Source::Unix(unix) => tokio::select! {
                _ = unix.terminate.recv() => Signal::Terminate,
                _ = unix.interrupt.recv() => Signal::Interrupt,
                _ = unix.quit.recv() => Signal::Quit,
            },
            Source::Mock(receiver) => match receiver.recv().await {
                Some(signal) => signal,
                None => std::future::pending().await,
            },
        }
    }
}
