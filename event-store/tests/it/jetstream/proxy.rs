//! A server's address that can lose replies.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Forwards connections; what the server answers can be thrown away.
pub(super) struct Proxy {
    address: String,
    losing: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Proxy {
    pub(super) async fn start(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let (losing, is_losing) = watch::channel(false);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(("127.0.0.1", port)).await;
                let Ok(server) = server else { continue };
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                connections.spawn(forward(from_client, to_server, None));
                connections.spawn(forward(from_server, to_client, Some(is_losing.clone())));
            }
        });
        Self {
            address,
            losing,
            task,
        }
    }

    pub(super) fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    /// From now on, whether answers are lost.
    pub(super) fn lose_replies(&self, losing: bool) {
        self.losing.send_replace(losing);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn forward(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    losing: Option<watch::Receiver<bool>>,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(size @ 1..) = from.read(&mut buffer).await {
        if losing.as_ref().is_some_and(|losing| *losing.borrow()) {
            continue;
        }
        if to.write_all(&buffer[..size]).await.is_err() {
            break;
        }
    }
    // Let what was written arrive before the socket closes.
    tokio::time::sleep(Duration::from_millis(10)).await;
}
