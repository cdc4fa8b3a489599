//! TLS 1.3 over TCP, for networks that let no UDP through: the same keys, pins, protocol name and exporter as with
//! QUIC, and the same ends of a link.
//!
//! Control goes before batches, and those before files, whenever something is written; what the system already holds, a few ten KB at most,
//! goes before both. Nothing is read that the owner has no room for, so that the peer's writing stops.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rustls::ClientConfig;
use shared::{
    id::PublicKey,
    identity::tls::{self, NoPeerKey},
    sync::{Channel, CloseCode, PeerId, Role},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{Notify, mpsc, oneshot},
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval_at, timeout},
};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use crate::host::{
    driver::{Break, Ended, LINGER_MAX, lingers},
    meter::{Meter, Metered, Progress},
    mux::{self, Demux, MuxError, Piece},
    owner::{Handle, Outbound, Owned, Stopped},
    quic::{IDLE_MAX, LEAVE_PATIENCE},
};

/// Bytes that the system may hold of what was written: more would go before a control frame written later.
const SEND_BUFFER_BYTES: u32 = 32 << 10;
/// Bytes written at once, so that segments are full and a control frame waits for no more.
const WRITE_BYTES: usize = 8 << 10;
const READ_BYTES: usize = 16 << 10;
const BACKLOG: u32 = 1_024;
/// How long the answer to a probe may take after the network has changed.
const PROBE_PATIENCE: Duration = Duration::from_secs(8);
const IDLE_POLL: Duration = Duration::from_secs(1);

type Stream = TlsStream<Metered<TcpStream>>;

/// A connection whose handshake is done.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    key: PublicKey,
    exporter: [u8; 32],
    meter: Meter,
    life: Life,
}

/// What tells whether the other side lives.
#[derive(Clone, Debug)]
struct Life {
    progress: Arc<Progress>,
    /// Somebody wants to know.
    probe: Arc<Notify>,
    /// The writer is to ask.
    ping: Arc<Notify>,
    keep_alive: Option<Duration>,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// The system or the peer ended it.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The peer shows no key.
    #[error(transparent)]
    NoKey(#[from] NoPeerKey),
    /// The peer speaks something else.
    #[error("the peer does not name the protocol")]
    OtherProtocol,
}

impl Connection {
    /// Connects to `address` with the settings for a pinned hub; `keep_alive` as with QUIC.
    ///
    /// # Errors
    /// Nobody accepts there, or the handshake fails.
    pub async fn connect(
        address: SocketAddr,
        pinned: ClientConfig,
        meter: Meter,
        keep_alive: Option<Duration>,
    ) -> Result<Self, HandshakeError> {
        let socket = socket(address)?;
        meter.begin_tcp();
        let stream = socket.connect(address).await?;
        stream.set_nodelay(true)?;
        let life = Life::new(keep_alive);
        let stream = Metered::new(stream, meter.clone(), Arc::clone(&life.progress));
        let name = tls::SERVER_NAME.try_into().expect("the name is one");
        let stream = TlsConnector::from(Arc::new(pinned)).connect(name, stream).await?;
        Self::of(stream.into(), meter, life)
    }

    /// Does the handshake with who was accepted.
    ///
    /// # Errors
    /// The handshake fails.
    pub async fn accept(acceptor: &TlsAcceptor, stream: TcpStream) -> Result<Self, HandshakeError> {
        stream.set_nodelay(true)?;
        let (meter, life) = (Meter::default(), Life::new(None));
        let stream = Metered::new(stream, meter.clone(), Arc::clone(&life.progress));
        let stream = acceptor.accept(stream).await?;
        Self::of(stream.into(), meter, life)
    }

    fn of(stream: Stream, meter: Meter, life: Life) -> Result<Self, HandshakeError> {
        let (_, session) = stream.get_ref();
        if session.alpn_protocol() != Some(tls::ALPN) {
            return Err(HandshakeError::OtherProtocol);
        }
        let key = tls::peer_key(session.peer_certificates().unwrap_or_default())?;
        let mut exporter = [0; 32];
        // With an empty context, as QUIC has it.
        match &stream {
            TlsStream::Client(stream) => {
                stream.get_ref().1.export_keying_material(&mut exporter, tls::EXPORTER_LABEL, Some(b""))
            }
            TlsStream::Server(stream) => {
                stream.get_ref().1.export_keying_material(&mut exporter, tls::EXPORTER_LABEL, Some(b""))
            }
        }
        .expect("a finished handshake exports 32 bytes");
        meter.open_tcp(matches!(stream, TlsStream::Client(_)));
        Ok(Self { stream, key, exporter, meter, life })
    }

    /// The key that the peer has proven.
    pub fn key(&self) -> PublicKey {
        self.key
    }

    /// The 32 bytes that only this connection has.
    pub fn exporter(&self) -> [u8; 32] {
        self.exporter
    }

    /// What counts this connection.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// What went and came so far.
    pub(super) fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.life.progress)
    }

    /// Notified, the link asks the peer for a sign of life, and ends if none comes.
    pub fn probe(&self) -> Arc<Notify> {
        Arc::clone(&self.life.probe)
    }

    /// Moves bytes between the connection and the owner until the link ends.
    pub(super) async fn serve<O: Owned>(
        self,
        owner: &Handle<O>,
        role: Role,
        peer: PeerId,
        outbound: Outbound,
    ) -> Ended {
        let Outbound { control, batch, attachment, close, waiting } = outbound;
        let (reading, writing) = split(self.stream);
        let pong = Arc::new(Notify::new());
        let (closing, closed) = oneshot::channel();
        let mut tasks = JoinSet::new();
        let writer = Writer {
            stream: writing,
            control,
            batch,
            attachment,
            waiting,
            pong: Arc::clone(&pong),
            life: self.life.clone(),
        };
        tasks.spawn(writer.run(closed));
        let reader = Reader { stream: reading, owner: owner.clone(), peer, pong };
        let reading = reader.run();
        tokio::pin!(reading);
        tokio::select! {
            ended = &mut reading => ended,
            () = self.life.ends() => Ended::Silent,
            asked = close => {
                let (goodbye, ended) = match asked {
                    Ok((code, reason)) => {
                        (Goodbye { code, reason: reason.clone(), whole: lingers(code, role) }, Ended::Here { code, reason })
                    }
                    Err(_) => {
                        let reason = "the program is stopping".to_owned();
                        (Goodbye { code: CloseCode::RetryLater, reason, whole: false }, Ended::Stopping)
                    }
                };
                let patience = if goodbye.whole { LINGER_MAX } else { LEAVE_PATIENCE };
                // A writer that has ended has nobody to say goodbye to.
                drop(closing.send(goodbye));
                // Until the peer has hung up, too: what is closed with bytes unread takes back what was written.
                let written = async { while tasks.join_next().await.is_some() {} };
                drop(timeout(patience, async { tokio::join!(written, reading) }).await);
                ended
            }
        }
    }
}

/// What is said last.
struct Goodbye {
    code: CloseCode,
    reason: String,
    /// After everything that waits.
    whole: bool,
}

impl Life {
    fn new(keep_alive: Option<Duration>) -> Self {
        Self { progress: Arc::default(), probe: Arc::default(), ping: Arc::default(), keep_alive }
    }

    /// Returns once nothing has gone or come for [`IDLE_MAX`], or no byte has come for [`PROBE_PATIENCE`] after
    /// a probe.
    async fn ends(&self) {
        let mut last = (self.progress.total(), Instant::now());
        let mut probed: Option<(u64, Instant)> = None;
        let mut polls = tokio::time::interval(IDLE_POLL);
        loop {
            tokio::select! {
                _ = polls.tick() => {}
                () = self.probe.notified() => {
                    self.ping.notify_one();
                    probed.get_or_insert((self.progress.read(), Instant::now()));
                }
            }
            probed = probed.filter(|(read, _)| *read == self.progress.read());
            let found = self.progress.total();
            if found != last.0 {
                last = (found, Instant::now());
            }
            if last.1.elapsed() >= IDLE_MAX
                || probed.is_some_and(|(_, asked)| asked.elapsed() >= PROBE_PATIENCE)
            {
                return;
            }
        }
    }
}

struct Writer {
    stream: WriteHalf<Stream>,
    control: mpsc::UnboundedReceiver<Vec<u8>>,
    batch: mpsc::UnboundedReceiver<Vec<u8>>,
    attachment: mpsc::UnboundedReceiver<Vec<u8>>,
    waiting: Arc<AtomicUsize>,
    pong: Arc<Notify>,
    life: Life,
}

impl Writer {
    /// Writes what comes, until the goodbye; an error is found by the reader, too.
    async fn run(mut self, mut closed: oneshot::Receiver<Goodbye>) {
        let (mut buffer, mut is_open) = (Vec::new(), true);
        let every = self.life.keep_alive.unwrap_or(IDLE_MAX);
        let mut beats = interval_at(Instant::now() + every, every);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                goodbye = &mut closed => {
                    // Without one the link is over.
                    if let Ok(goodbye) = goodbye {
                        drop(self.leave(&goodbye, buffer).await);
                    }
                    return;
                }
                () = self.pong.notified() => mux::put_pong(&mut buffer),
                () = self.life.ping.notified() => mux::put_ping(&mut buffer),
                _ = beats.tick(), if self.life.keep_alive.is_some() => mux::put_ping(&mut buffer),
                sent = self.control.recv(), if is_open => match sent {
                    Some(bytes) => self.put(&mut buffer, Channel::Control, &bytes),
                    None => is_open = false,
                },
                Some(bytes) = self.batch.recv() => self.put(&mut buffer, Channel::Batch, &bytes),
                Some(bytes) = self.attachment.recv() => self.put(&mut buffer, Channel::Attachment, &bytes),
            }
            self.gather(&mut buffer);
            if !buffer.is_empty() && self.write(&mut buffer).await.is_err() {
                return;
            }
        }
    }

    fn put(&self, buffer: &mut Vec<u8>, channel: Channel, bytes: &[u8]) {
        mux::put(buffer, channel, bytes);
        self.waiting.fetch_sub(bytes.len(), Ordering::Relaxed);
    }

    /// Takes what is there already, control before batches and those before files, up to what is written at once.
    fn gather(&mut self, buffer: &mut Vec<u8>) {
        while buffer.len() < WRITE_BYTES {
            if let Ok(bytes) = self.control.try_recv() {
                self.put(buffer, Channel::Control, &bytes);
            } else if let Ok(bytes) = self.batch.try_recv() {
                self.put(buffer, Channel::Batch, &bytes);
            } else if let Ok(bytes) = self.attachment.try_recv() {
                self.put(buffer, Channel::Attachment, &bytes);
            } else {
                return;
            }
        }
    }

    async fn write(&mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
        self.stream.write_all(buffer).await?;
        buffer.clear();
        self.stream.flush().await
    }

    async fn leave(&mut self, goodbye: &Goodbye, mut buffer: Vec<u8>) -> io::Result<()> {
        if goodbye.whole {
            self.gather(&mut buffer);
            while !buffer.is_empty() {
                self.write(&mut buffer).await?;
                self.gather(&mut buffer);
            }
        }
        mux::put_close(&mut buffer, goodbye.code.value(), &goodbye.reason);
        self.write(&mut buffer).await?;
        self.stream.shutdown().await
    }
}

struct Reader<O> {
    stream: ReadHalf<Stream>,
    owner: Handle<O>,
    peer: PeerId,
    pong: Arc<Notify>,
}

impl<O: Owned> Reader<O> {
    /// Reads to the end, no faster than the owner takes it.
    async fn run(mut self) -> Ended {
        let (mut demux, mut buffer) = (Demux::default(), vec![0; READ_BYTES]);
        loop {
            let read = match self.stream.read(&mut buffer).await {
                Ok(0) => return Ended::Broken(Break::HungUp),
                Ok(length) => &buffer[..length],
                Err(error) if is_gone(&error) => return Ended::Broken(Break::HungUp),
                Err(error) => return Ended::Broken(Break::Tcp(error)),
            };
            match self.take(&mut demux, read).await {
                Ok(None) => {}
                Ok(Some(ended)) => return ended,
                Err(error) => return Ended::Broken(Break::Mux(error)),
            }
        }
    }

    async fn take(&mut self, demux: &mut Demux, mut read: &[u8]) -> Result<Option<Ended>, MuxError> {
        loop {
            match demux.take(&mut read)? {
                Some(Piece::Bytes(channel, bytes)) => {
                    let taken = self.owner.received(self.peer, channel, bytes).await;
                    if let Err(Stopped) = taken {
                        return Ok(Some(Ended::Stopping));
                    }
                }
                Some(Piece::Ping) => self.pong.notify_one(),
                Some(Piece::Pong) => {}
                Some(Piece::Close { code, reason }) => {
                    return Ok(Some(Ended::There { code: CloseCode::from_value(code), reason }));
                }
                None if read.is_empty() => return Ok(None),
                None => {}
            }
        }
    }
}

/// Whether an error says no more than that the peer has hung up.
fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), ConnectionReset | ConnectionAborted | BrokenPipe | UnexpectedEof)
}

/// A socket of the family of `address` that holds little of what was written.
fn socket(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    Ok(socket)
}

/// Listens on `address`.
///
/// # Errors
/// It cannot be had.
pub(super) fn listener(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket(address)?;
    // Elsewhere it would let others take the port.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
