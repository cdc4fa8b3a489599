//! Counts what goes over the wire, as whole IP packets.
//!
//! A laptop's meter hears of every datagram of its endpoint, of attempts that came to nothing too. Of TCP a
//! program sees no packets: they are counted by a rule, the test link's own. A write and a read are segments of up
//! to [`SEGMENT_BYTES`] with 40 bytes of headers each; every second segment is answered by an acknowledgement of
//! 40 bytes. SYN-ACK, two FINs and the acknowledgements of those three are counted once the handshake of TLS is done,
//! the SYN before.
//! What the system sends again is not seen.

use std::{
    io::{self, IoSliceMut},
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

use quinn::{
    AsyncTimer, AsyncUdpSocket, Runtime, TokioRuntime, UdpPoller,
    udp::{RecvMeta, Transmit},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// An IPv4 header and a UDP header.
pub const UDP_HEADERS_BYTES: u64 = 28;
/// An IPv4 header and a TCP header without options.
pub const TCP_HEADERS_BYTES: u64 = 40;
/// What a TCP segment carries at most: 1,500 bytes less the headers.
pub const SEGMENT_BYTES: u64 = 1_460;

/// What went over the wire, as whole IP packets.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Traffic {
    /// Bytes sent, with each packet's headers.
    pub up_bytes: u64,
    /// Packets sent.
    pub up_packets: u64,
    /// Bytes received, with each packet's headers.
    pub down_bytes: u64,
    /// Packets received.
    pub down_packets: u64,
}

/// Counts; cheap to clone, all clones being one.
#[derive(Clone, Default, Debug)]
pub struct Meter(Arc<Counts>);

#[derive(Default, Debug)]
struct Counts {
    up: Way,
    down: Way,
}

#[derive(Default, Debug)]
struct Way {
    packets: AtomicU64,
    bytes: AtomicU64,
    /// Segments of TCP that carried bytes.
    segments: AtomicU64,
}

impl Meter {
    /// What was counted so far.
    pub fn traffic(&self) -> Traffic {
        let Counts { up, down } = &*self.0;
        Traffic {
            up_bytes: up.bytes.load(Ordering::Relaxed),
            up_packets: up.packets.load(Ordering::Relaxed),
            down_bytes: down.bytes.load(Ordering::Relaxed),
            down_packets: down.packets.load(Ordering::Relaxed),
        }
    }

    /// Counts the SYN of a TCP connection that this side begins.
    pub(crate) fn begin_tcp(&self) {
        self.0.up.add(1, TCP_HEADERS_BYTES);
    }

    /// Counts what else opens a TCP connection, and what will end it, once the other side is known to be there.
    pub(crate) fn open_tcp(&self, dialled: bool) {
        let Counts { up, down } = &*self.0;
        let (begins, accepts) = if dialled { (up, down) } else { (down, up) };
        if !dialled {
            begins.add(1, TCP_HEADERS_BYTES);
        }
        begins.add(3, 3 * TCP_HEADERS_BYTES);
        accepts.add(3, 3 * TCP_HEADERS_BYTES);
    }

    fn stream(&self, way: impl Fn(&Counts) -> (&Way, &Way), bytes: usize) {
        let (way, back) = way(&self.0);
        let segments = (bytes as u64).div_ceil(SEGMENT_BYTES);
        way.add(segments, bytes as u64 + segments * TCP_HEADERS_BYTES);
        let before = way.segments.fetch_add(segments, Ordering::Relaxed);
        let answers = (before + segments) / 2 - before / 2;
        back.add(answers, answers * TCP_HEADERS_BYTES);
    }
}

impl Way {
    fn add(&self, packets: u64, bytes: u64) {
        self.packets.fetch_add(packets, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn add_datagrams(&self, bytes: usize, each: usize) {
        let packets = bytes.div_ceil(each.max(1)) as u64;
        self.add(packets, bytes as u64 + packets * UDP_HEADERS_BYTES);
    }
}

/// tokio under quinn, with every datagram counted.
#[derive(Debug)]
pub(crate) struct MeteredRuntime(pub(crate) Meter);

impl Runtime for MeteredRuntime {
    fn new_timer(&self, at: std::time::Instant) -> Pin<Box<dyn AsyncTimer>> {
        TokioRuntime.new_timer(at)
    }

    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        TokioRuntime.spawn(future);
    }

    fn wrap_udp_socket(&self, socket: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        let socket = TokioRuntime.wrap_udp_socket(socket)?;
        Ok(Arc::new(MeteredSocket { socket, meter: self.0.clone() }))
    }

    fn now(&self) -> std::time::Instant {
        TokioRuntime.now()
    }
}

#[derive(Debug)]
struct MeteredSocket {
    socket: Arc<dyn AsyncUdpSocket>,
    meter: Meter,
}

impl AsyncUdpSocket for MeteredSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Arc::clone(&self.socket).create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.socket.try_send(transmit)?;
        let length = transmit.contents.len();
        self.meter.0.up.add_datagrams(length, transmit.segment_size.unwrap_or(length));
        Ok(())
    }

    fn poll_recv(
        &self,
        context: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let received = ready!(self.socket.poll_recv(context, buffers, meta))?;
        for meta in &meta[..received] {
            self.meter.0.down.add_datagrams(meta.len, meta.stride);
        }
        Poll::Ready(Ok(received))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.socket.max_transmit_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.socket.max_receive_segments()
    }

    fn may_fragment(&self) -> bool {
        self.socket.may_fragment()
    }
}

/// A stream over TCP whose bytes are counted by the rule.
#[derive(Debug)]
pub(crate) struct Metered<S> {
    stream: S,
    meter: Meter,
    progress: Arc<Progress>,
}

/// Bytes that the system took from one stream, and gave.
#[derive(Default, Debug)]
pub(crate) struct Progress {
    written: AtomicU64,
    read: AtomicU64,
}

impl Progress {
    /// Bytes that came.
    pub(crate) fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Bytes that went or came.
    pub(crate) fn total(&self) -> u64 {
        self.read() + self.written.load(Ordering::Relaxed)
    }
}

impl<S> Metered<S> {
    pub(crate) fn new(stream: S, meter: Meter, progress: Arc<Progress>) -> Self {
        Self { stream, meter, progress }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
        let read = buffer.filled().len() - before;
        this.progress.read.fetch_add(read as u64, Ordering::Relaxed);
        this.meter.stream(|counts| (&counts.down, &counts.up), read);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.stream).poll_write(context, bytes))?;
        this.progress.written.fetch_add(written as u64, Ordering::Relaxed);
        this.meter.stream(|counts| (&counts.up, &counts.down), written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_and_their_answers_are_counted() {
        let meter = Meter::default();
        meter.begin_tcp();
        meter.open_tcp(true);
        let up = |bytes| meter.stream(|counts| (&counts.up, &counts.down), bytes);
        // Three segments, then one more: two acknowledgements.
        up(2 * 1_460 + 1);
        up(10);
        let traffic = meter.traffic();
        assert_eq!((traffic.up_packets, traffic.down_packets), (4 + 4, 3 + 2));
        assert_eq!(traffic.up_bytes, 2 * 1_460 + 11 + 8 * 40);
        assert_eq!(traffic.down_bytes, 5 * 40);
    }

    #[test]
    fn datagrams_that_the_system_cuts_are_counted_one_by_one() {
        let meter = Meter::default();
        meter.0.up.add_datagrams(2_500, 1_200);
        meter.0.up.add_datagrams(50, 50);
        assert_eq!((meter.traffic().up_packets, meter.traffic().up_bytes), (4, 2_550 + 4 * 28));
    }
}
