//! Listeners whose address is known before they serve, and connections that can be cut.
//!
//! A graceful shutdown of HTTP waits for all connections, and so for a watch that never ends, a
//! client that never speaks, and a handler that hangs. Here every accepted stream watches a token and
//! fails once the token fires. That ends its connection in each of these cases.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::{Error, RunContext, StartContext};

/// The address a listener got, once it has one. Clones are of the same listener.
#[derive(Clone, Debug)]
pub struct Bound(watch::Receiver<Option<SocketAddr>>);

impl Bound {
    /// The address, if it is bound.
    pub fn now(&self) -> Option<SocketAddr> {
        *self.0.borrow()
    }

    /// The address, as soon as it is bound; `None` if it never will be.
    pub async fn address(&self) -> Option<SocketAddr> {
        let mut receiver = self.0.clone();
        let address = receiver.wait_for(Option::is_some).await.ok()?;
        *address
    }
}

/// An address that is bound in `start` and served in `run`.
pub(crate) struct Socket {
    wanted: SocketAddr,
    bound: watch::Sender<Option<SocketAddr>>,
    listener: Option<TcpListener>,
}

impl Socket {
    pub(crate) fn new(wanted: SocketAddr) -> Self {
        Self {
            wanted,
            bound: watch::channel(None).0,
            listener: None,
        }
    }

    pub(crate) fn bound(&self) -> Bound {
        Bound(self.bound.subscribe())
    }

    pub(crate) async fn bind(&mut self, cx: &StartContext) -> Result<(), Error> {
        let wanted = self.wanted;
        let refused = |error| cannot_listen(wanted, &error);
        let listener = TcpListener::bind(wanted).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        cx.describe(format!("listening on {address}"));
        self.bound.send_replace(Some(address));
        self.listener = Some(listener);
        Ok(())
    }

    /// What a server accepts from. `None` unless bound. A connection that is silent for longer than
    /// `idle` fails.
    pub(crate) fn open(&mut self, idle: Option<Duration>) -> Option<(Incoming, Connections)> {
        let listener = self.listener.take()?;
        let connections = Connections {
            idle,
            ..Connections::default()
        };
        Some((
            Incoming {
                listener,
                connections: connections.clone(),
                pause: None,
            },
            connections,
        ))
    }

    pub(crate) fn close(&mut self) {
        self.listener = None;
    }
}

fn cannot_listen(address: SocketAddr, error: &io::Error) -> Error {
    use io::ErrorKind::{AddrInUse, AddrNotAvailable, PermissionDenied};
    let next_step = match error.kind() {
        AddrInUse => "stop the process that uses this port, or choose another one",
        AddrNotAvailable => "choose an address that this machine has",
        PermissionDenied => "choose a port above 1023, or run with more rights",
        _ => "choose another address",
    };
    Error::new(format!("cannot listen on {address}: {error}")).with_next_step(next_step)
}

/// The open connections of one server.
#[derive(Clone, Default)]
pub(crate) struct Connections {
    open: Arc<AtomicUsize>,
    cut: CancellationToken,
    idle: Option<Duration>,
}

impl Connections {
    /// Drives a server that stops gracefully by itself when `cx` says so, and cuts what is still
    /// open shortly before the deadline.
    pub(crate) async fn serve<E: Into<Error>>(
        &self,
        cx: &RunContext,
        server: impl Future<Output = Result<(), E>>,
    ) -> Result<(), Error> {
        let mut server = pin!(server);
        tokio::select! {
            biased;
            result = &mut server => return result.map_err(Into::into),
            () = time_to_cut(cx) => {}
        }
        let open = self.open.load(Ordering::Acquire);
        self.cut.cancel();
        if open > 0 {
            cx.gave_up_on(format!(
                "{open} connection{}",
                if open == 1 { "" } else { "s" }
            ));
        }
        server.await.map_err(Into::into)
    }
}

/// A tenth of the time, at most half a second, is for connections to notice that they are cut.
async fn time_to_cut(cx: &RunContext) {
    cx.stopping().await;
    let Some(deadline) = cx.deadline() else {
        return;
    };
    let left = deadline.saturating_duration_since(Instant::now());
    sleep_until(deadline - (left / 10).min(Duration::from_millis(500))).await;
}

/// Accepts connections, with `TCP_NODELAY`. It is a stream for tonic and a listener for axum.
pub struct Incoming {
    listener: TcpListener,
    connections: Connections,
    pause: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl Incoming {
    /// An error in accepting concerns one connection, or is a lack of file handles, which passes.
    /// Neither ends a server; the second is followed by a pause.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<(Connection, SocketAddr)> {
        loop {
            if let Some(pause) = &mut self.pause {
                ready!(pause.as_mut().poll(cx));
                self.pause = None;
            }
            match ready!(self.listener.poll_accept(cx)) {
                Ok((stream, peer)) => {
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%peer, %error, "no TCP_NODELAY");
                    }
                    return Poll::Ready((Connection::new(stream, &self.connections), peer));
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept connections, pausing");
                    self.pause = Some(Box::pin(sleep(Duration::from_millis(100))));
                }
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

#[cfg(feature = "grpc")]
impl tokio_stream::Stream for Incoming {
    type Item = io::Result<Connection>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_accept(cx)
            .map(|(connection, _)| Some(Ok(connection)))
    }
}

#[cfg(feature = "admin")]
impl axum::serve::Listener for Incoming {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        std::future::poll_fn(|cx| self.poll_accept(cx)).await
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// An accepted stream that fails once its server cuts it.
pub struct Connection {
    stream: TcpStream,
    open: Arc<AtomicUsize>,
    // One each, because reading and writing may be done by different tasks.
    cut_read: Cut,
    cut_write: Cut,
    silence: Option<Silence>,
}

/// How long the peer has been silent: the timer runs while a read waits.
struct Silence {
    limit: Duration,
    timer: Pin<Box<tokio::time::Sleep>>,
    waits: bool,
}

impl Silence {
    fn new(limit: Duration) -> Self {
        Self {
            limit,
            timer: Box::pin(sleep(limit)),
            waits: true,
        }
    }

    fn or<T>(&mut self, poll: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if poll.is_ready() {
            self.waits = false;
            return poll;
        }
        if !std::mem::replace(&mut self.waits, true) {
            self.timer.as_mut().reset(Instant::now() + self.limit);
        }
        ready!(self.timer.as_mut().poll(cx));
        let error = io::Error::new(io::ErrorKind::TimedOut, "the client is silent");
        Poll::Ready(Err(error))
    }
}

/// Fires when the connection is cut. It is asked only where the stream would wait, so that a busy
/// connection pays nothing, and it has a token of its own, so that connections do not meet at one
/// lock.
struct Cut(Pin<Box<WaitForCancellationFutureOwned>>);

impl Cut {
    fn or<T>(&mut self, poll: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if poll.is_pending() && self.0.as_mut().poll(cx).is_ready() {
            let error = io::Error::new(io::ErrorKind::ConnectionAborted, "the server is stopping");
            return Poll::Ready(Err(error));
        }
        poll
    }
}

impl Connection {
    fn new(stream: TcpStream, connections: &Connections) -> Self {
        let token = connections.cut.child_token();
        let cut = || Cut(Box::pin(token.clone().cancelled_owned()));
        connections.open.fetch_add(1, Ordering::AcqRel);
        Self {
            stream,
            open: Arc::clone(&connections.open),
            cut_read: cut(),
            cut_write: cut(),
            silence: connections.idle.map(Silence::new),
        }
    }
}

impl Connection {
    /// A client that takes its answer is not silent.
    fn spoke<T>(&mut self, written: &Poll<T>) {
        if let (Some(silence), Poll::Ready(_)) = (&mut self.silence, written) {
            silence.waits = false;
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::AcqRel);
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let read = Pin::new(&mut this.stream).poll_read(cx, buffer);
        let read = match &mut this.silence {
            Some(silence) => silence.or(read, cx),
            None => read,
        };
        this.cut_read.or(read, cx)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, buffer);
        this.spoke(&written);
        this.cut_write.or(written, cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, buffers);
        this.spoke(&written);
        this.cut_write.or(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(feature = "grpc")]
impl tonic::transport::server::Connected for Connection {
    type ConnectInfo = tonic::transport::server::TcpConnectInfo;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.stream.connect_info()
    }
}
