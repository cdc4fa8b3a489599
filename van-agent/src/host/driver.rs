//! Moves bytes between a connection and the owner of the core, and nothing else.
//!
//! Over TCP that is [`tcp`](crate::host::tcp)'s to do. Over QUIC the control stream is opened by the child, has the
//! highest priority and runs both ways; for batches each side opens one stream when it first has something to send;
//! for files likewise one that is served last, told from that for batches by being of the other sort. Bytes keep
//! their order within a channel, not
//! between channels: a batch may overtake a control frame that was lost once.
//!
//! **Invariants:** nothing is read from the network that the owner has no room for; the core hears that a link
//! is gone only after the last byte of it. After the core's close, what it had sent before still goes out for
//! up to [`LINGER_MAX`], except where the close is a punishment.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use quinn::{Connection, ConnectionError, RecvStream, SendStream, VarInt};
use shared::{
    identity::tls::NoPeerKey,
    sync::{Channel, CloseCode, PeerId, Role},
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::{Instant, interval, timeout},
};

use crate::host::{
    mux::MuxError,
    owner::{Handle, Outbound, Owned, Stopped},
    wire::{self, Pulse, Wire},
};

/// How long a link that the core has closed may take to deliver what was sent before.
pub const LINGER_MAX: Duration = Duration::from_secs(3);

const READ_BYTES_MAX: usize = 16 << 10;
const CONTROL_PRIORITY: i32 = 1;
const BATCH_PRIORITY: i32 = 0;
const ATTACHMENT_PRIORITY: i32 = -1;
const SILENCE_POLL: Duration = Duration::from_millis(250);

/// How a link ended.
#[derive(Debug)]
pub enum Ended {
    /// This side's core closed it.
    Here {
        /// Why.
        code: CloseCode,
        /// Why, in words.
        reason: String,
    },
    /// The peer closed it.
    There {
        /// Why; `None` for a code of a later version.
        code: Option<CloseCode>,
        /// Why, in the peer's words.
        reason: String,
    },
    /// The peer has forgotten the connection: it was restarted.
    Forgotten,
    /// No packet came for [`IDLE_MAX`](crate::host::quic::IDLE_MAX).
    Silent,
    /// The connection broke.
    Broken(Break),
    /// The peer showed no key: the connection was never a link.
    NoKey(NoPeerKey),
    /// This program is stopping.
    Stopping,
}

/// How a connection breaks.
#[derive(Debug, thiserror::Error)]
pub enum Break {
    /// QUIC ended it.
    #[error(transparent)]
    Quic(ConnectionError),
    /// The system ended it.
    #[error(transparent)]
    Tcp(std::io::Error),
    /// The peer sent what makes no sense.
    #[error(transparent)]
    Mux(MuxError),
    /// The peer hung up without a word.
    #[error("the other end hung up")]
    HungUp,
}

/// Returns once there has been no sign of life for `patience`.
pub async fn silence(pulse: &Pulse, patience: Duration) {
    let mut polls = interval(SILENCE_POLL.min(patience));
    let mut beats = pulse.beats();
    let mut last = Instant::now();
    loop {
        polls.tick().await;
        let found = pulse.beats();
        if found != beats {
            (beats, last) = (found, Instant::now());
        } else if last.elapsed() >= patience {
            return;
        }
    }
}

/// Serves a connection until it ends, in `role` (the child dialled).
pub async fn drive<O: Owned>(wire: Wire, role: Role, owner: &Handle<O>) -> Ended {
    match wire {
        Wire::Quic(connection) => drive_quic(&connection, role, owner).await,
        Wire::Tcp(connection) => {
            let (key, exporter) = (connection.key(), connection.exporter());
            let Ok((peer, outbound)) = owner.open(role, key, exporter).await else { return Ended::Stopping };
            let ended = connection.serve(owner, role, peer, outbound).await;
            owner.gone(peer).await;
            ended
        }
    }
}

async fn drive_quic<O: Owned>(connection: &Connection, role: Role, owner: &Handle<O>) -> Ended {
    let (key, exporter) = match wire::proven(connection) {
        Ok(proven) => proven,
        Err(error) => {
            connection.close(VarInt::from_u32(CloseCode::Protocol.value()), b"no key");
            return Ended::NoKey(error);
        }
    };
    let Ok((peer, outbound)) = owner.open(role, key, exporter).await else {
        close(connection, CloseCode::RetryLater, "the program is stopping");
        return Ended::Stopping;
    };
    let ended = Tasks::start(connection, role, owner, peer, outbound).end(connection).await;
    owner.gone(peer).await;
    ended
}

fn close(connection: &Connection, code: CloseCode, reason: &str) {
    connection.close(VarInt::from_u32(code.value()), reason.as_bytes());
}

/// Whether what was sent before a close for `code` is worth waiting for. A child that has asked its parent for the
/// close has everything: the wait would cost it a round trip.
pub(super) fn lingers(code: CloseCode, role: Role) -> bool {
    match code {
        CloseCode::Done => role == Role::Child,
        CloseCode::RetryLater | CloseCode::WrongVersion | CloseCode::UnknownDevice | CloseCode::Ticket => {
            true
        }
        CloseCode::Protocol
        | CloseCode::Revoked
        | CloseCode::Replaced
        | CloseCode::Limit
        | CloseCode::Internal => false,
    }
}

/// The tasks of one link; dropped, they end.
struct Tasks {
    role: Role,
    readers: JoinSet<()>,
    writers: JoinSet<()>,
    close: oneshot::Receiver<(CloseCode, String)>,
}

impl Tasks {
    fn start<O: Owned>(
        connection: &Connection,
        role: Role,
        owner: &Handle<O>,
        peer: PeerId,
        outbound: Outbound,
    ) -> Self {
        let Outbound { control, batch, attachment, close, waiting } = outbound;
        let (mut readers, mut writers) = (JoinSet::new(), JoinSet::new());
        let (opened, control_in) = oneshot::channel();
        let (agreed, first_taken) = oneshot::channel();
        let (link, count) = (connection.clone(), Arc::clone(&waiting));
        writers.spawn(async move {
            let stream = match role {
                Role::Child => link.open_bi().await,
                Role::Parent => link.accept_bi().await,
            };
            let Ok((send, receive)) = stream else { return };
            // Where the child opened the first such stream, the next one that the parent gets is for files.
            if agreed.send(()).is_err() {
                return;
            }
            // Fails only once the stream is closed, which the first write would tell.
            drop(send.set_priority(CONTROL_PRIORITY));
            drop(opened.send(receive));
            write(send, control, &count).await;
        });
        let (link, count) = (connection.clone(), Arc::clone(&waiting));
        writers.spawn(async move {
            let open = async || link.open_uni().await;
            write_late(open, BATCH_PRIORITY, batch, &count).await;
        });
        let link = connection.clone();
        writers.spawn(async move {
            let open = async || link.open_bi().await.map(|(send, _)| send);
            write_late(open, ATTACHMENT_PRIORITY, attachment, &waiting).await;
        });
        let inbound = Inbound { owner: owner.clone(), peer };
        readers.spawn(async move {
            if let Ok(stream) = control_in.await {
                inbound.read(stream, Channel::Control).await;
            }
        });
        let (link, inbound) = (connection.clone(), Inbound { owner: owner.clone(), peer });
        readers.spawn(async move {
            if let Ok(stream) = link.accept_uni().await {
                inbound.read(stream, Channel::Batch).await;
            }
        });
        let (link, inbound) = (connection.clone(), Inbound { owner: owner.clone(), peer });
        readers.spawn(async move {
            if first_taken.await.is_ok()
                && let Ok((_, stream)) = link.accept_bi().await
            {
                inbound.read(stream, Channel::Attachment).await;
            }
        });
        Self { role, readers, writers, close }
    }

    async fn end(mut self, connection: &Connection) -> Ended {
        let ended = tokio::select! {
            error = connection.closed() => ended_by(error),
            asked = &mut self.close => match asked {
                Ok((code, reason)) => {
                    if lingers(code, self.role) {
                        self.linger(connection).await;
                    }
                    close(connection, code, &reason);
                    Ended::Here { code, reason }
                }
                Err(_) => {
                    close(connection, CloseCode::RetryLater, "the program is stopping");
                    Ended::Stopping
                }
            },
        };
        // The connection is closed: the readers end by themselves, once what had come is with the owner.
        while self.readers.join_next().await.is_some() {}
        ended
    }

    /// Waits until the peer has everything, but no longer than is worth it.
    async fn linger(&mut self, connection: &Connection) {
        let delivered = async { while self.writers.join_next().await.is_some() {} };
        tokio::select! {
            _ = connection.closed() => {}
            _ = timeout(LINGER_MAX, delivered) => {}
        }
    }
}

/// Writes what comes to `stream`; at its end waits until the peer has it all.
async fn write(mut stream: SendStream, mut source: mpsc::UnboundedReceiver<Vec<u8>>, waiting: &AtomicUsize) {
    while let Some(bytes) = source.recv().await {
        let length = bytes.len();
        if stream.write_chunk(bytes.into()).await.is_err() {
            return;
        }
        waiting.fetch_sub(length, Ordering::Relaxed);
    }
    if stream.finish().is_ok() {
        // An error means that the peer wants no more of it.
        drop(stream.stopped().await);
    }
}

/// Opens a stream once there is something to send on it.
async fn write_late(
    open: impl AsyncFnOnce() -> Result<SendStream, ConnectionError>,
    priority: i32,
    mut source: mpsc::UnboundedReceiver<Vec<u8>>,
    waiting: &AtomicUsize,
) {
    let Some(first) = source.recv().await else { return };
    let Ok(mut stream) = open().await else { return };
    // Fails only once the stream is closed, which the first write would tell.
    drop(stream.set_priority(priority));
    let length = first.len();
    if stream.write_chunk(first.into()).await.is_ok() {
        waiting.fetch_sub(length, Ordering::Relaxed);
        write(stream, source, waiting).await;
    }
}

/// Where what comes in on a link goes.
struct Inbound<O> {
    owner: Handle<O>,
    peer: PeerId,
}

impl<O: Owned> Inbound<O> {
    /// Reads `stream` to its end, no faster than the owner takes it.
    async fn read(self, mut stream: RecvStream, channel: Channel) {
        while let Ok(Some(chunk)) = stream.read_chunk(READ_BYTES_MAX, true).await {
            match self.owner.received(self.peer, channel, chunk.bytes.to_vec()).await {
                Ok(()) => {}
                Err(Stopped) => return,
            }
        }
    }
}

fn ended_by(error: ConnectionError) -> Ended {
    match error {
        ConnectionError::ApplicationClosed(close) => Ended::There {
            code: u32::try_from(close.error_code.into_inner()).ok().and_then(CloseCode::from_value),
            reason: String::from_utf8_lossy(&close.reason).into_owned(),
        },
        ConnectionError::Reset => Ended::Forgotten,
        ConnectionError::TimedOut => Ended::Silent,
        error @ (ConnectionError::VersionMismatch
        | ConnectionError::TransportError(_)
        | ConnectionError::ConnectionClosed(_)
        | ConnectionError::LocallyClosed
        | ConnectionError::CidsExhausted) => Ended::Broken(Break::Quic(error)),
    }
}

#[cfg(test)]
mod tests;
