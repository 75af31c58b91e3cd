//! Connections that can be reset from inside a handler, as broken networks do.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

/// The way to a connection for a handler.
#[derive(Clone, Debug)]
#[cfg_attr(fuzzing, derive(Default))]
pub(crate) struct Peer(Arc<Switch>);

#[derive(Debug, Default)]
struct Switch {
    is_reset: AtomicBool,
    /// The task that serves the connection.
    waker: AtomicWaker,
}

impl Peer {
    /// Lets the connection end with a reset (RST) instead of whatever was to be answered.
    pub(crate) fn reset(&self) {
        self.0.reset();
    }
}

impl Switch {
    fn reset(&self) {
        self.is_reset.store(true, Ordering::Release);
        self.waker.wake();
    }
}

/// All open connections.
#[derive(Clone, Debug, Default)]
pub(crate) struct Connections(Arc<Mutex<Open>>);

#[derive(Debug, Default)]
struct Open {
    switches: Vec<Weak<Switch>>,
    /// Whether the simulator is gone. A connection may be accepted while it goes.
    closed: bool,
}

impl Connections {
    /// Resets all there are, and all that are still to come.
    pub(crate) fn close(&self) {
        let mut open = self.lock();
        open.closed = true;
        open.switches.drain(..).filter_map(|switch| switch.upgrade()).for_each(|switch| switch.reset());
    }

    fn add(&self, switch: &Arc<Switch>) {
        let mut open = self.lock();
        if open.closed {
            return switch.reset();
        }
        open.switches.retain(|switch| switch.strong_count() > 0);
        open.switches.push(Arc::downgrade(switch));
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Listens on loopback.
#[derive(Debug)]
pub(crate) struct Loopback {
    pub(crate) listener: TcpListener,
    pub(crate) connections: Connections,
}

impl Listener for Loopback {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok((stream, address)) => {
                    let switch = Arc::new(Switch::default());
                    self.connections.add(&switch);
                    return (Connection { stream, switch }, address);
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    // Such as too many open files: asking again at once would only spin.
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Connected<IncomingStream<'_, Loopback>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Loopback>) -> Self {
        Self(stream.io().switch.clone())
    }
}

#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    switch: Arc<Switch>,
}

impl Connection {
    /// The stream, unless the connection has been reset.
    fn alive(&mut self, context: &Context<'_>) -> io::Result<Pin<&mut TcpStream>> {
        // Registered before the flag is read, or a reset in between would wake nobody.
        self.switch.waker.register(context.waker());
        if !self.switch.is_reset.load(Ordering::Acquire) {
            return Ok(Pin::new(&mut self.stream));
        }
        // Closing with a linger time of zero sends RST rather than FIN.
        self.stream.set_zero_linger()?;
        Err(io::ErrorKind::ConnectionReset.into())
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.alive(cx)?.poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.alive(cx)?.poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.alive(cx)?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.alive(cx)?.poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    async fn accepted(connections: &Connections) -> (Connection, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut loopback = Loopback { listener, connections: connections.clone() };
        let (client, (connection, _)) = tokio::join!(TcpStream::connect(address), loopback.accept());
        (connection, client.unwrap())
    }

    #[tokio::test]
    async fn a_reset_wakes_a_connection_that_waits() {
        let (mut connection, mut client) = accepted(&Connections::default()).await;
        let peer = Peer(connection.switch.clone());
        let reading = tokio::spawn(async move { connection.read_u8().await });
        tokio::task::yield_now().await;
        peer.reset();
        assert_eq!(reading.await.unwrap().unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(client.read_u8().await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }

    #[tokio::test]
    async fn a_connection_that_comes_while_all_are_closed_is_reset_too() {
        let connections = Connections::default();
        connections.close();
        let (mut connection, _client) = accepted(&connections).await;
        assert_eq!(connection.read_u8().await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }
}
