//! A connection that breaks at the worst moment: the service has executed the first request, and its
//! reply never arrives.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// The type of an HTTP/2 frame that begins a reply.
const HEADERS: u8 = 1;

/// Forwards connections to the service until the first reply, which it swallows together with that
/// connection; afterwards it only forwards.
pub(super) struct Cable {
    pub(super) address: String,
    cut: Arc<AtomicBool>,
}

impl Cable {
    pub(super) fn to(service: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let (service, cut) = (service.to_owned(), Arc::new(AtomicBool::new(false)));
        let cable = Self {
            address,
            cut: Arc::clone(&cut),
        };
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if let Ok(server) = TcpStream::connect(&service) {
                    connect(&client, &server, &cut).expect("a connection");
                }
            }
        });
        cable
    }

    pub(super) fn is_cut(&self) -> bool {
        self.cut.load(Ordering::SeqCst)
    }
}

/// Forwards both ways, each in a thread; when one way ends, so does the other.
fn connect(client: &TcpStream, server: &TcpStream, cut: &Arc<AtomicBool>) -> io::Result<()> {
    let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || {
        let ended = io::copy(&mut from, &mut to);
        (ended, to.shutdown(Shutdown::Write))
    });
    let (client, server, cut) = (client.try_clone()?, server.try_clone()?, Arc::clone(cut));
    thread::spawn(move || {
        let ended = replies(&server, &client, &cut);
        (
            ended,
            client.shutdown(Shutdown::Both),
            server.shutdown(Shutdown::Both),
        )
    });
    Ok(())
}

/// Forwards frame by frame; ends at the first reply of all, which is dropped.
fn replies(mut server: &TcpStream, mut client: &TcpStream, cut: &AtomicBool) -> io::Result<()> {
    loop {
        let mut head = [0; 9];
        server.read_exact(&mut head)?;
        if head[3] == HEADERS && !cut.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        let mut frame = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        server.read_exact(&mut frame)?;
        client.write_all(&head)?;
        client.write_all(&frame)?;
    }
}
