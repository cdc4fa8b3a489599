//! The thread that owns the core: one at a time, everybody else sends it messages over a bounded queue.
//!
//! After each message the core is drained: its outputs go to the links' tasks. What comes in waits in the
//! bounded queue, and a link that cannot put its bytes there stops reading, so that the peer is slowed by
//! QUIC's own windows. What goes out is bounded by the core's credit; a link behind which more than
//! [`OUTBOUND_BYTES_MAX`] pile up is closed.
//!
//! **Invariants:** the core hears of a link in the order connected, received, disconnected, each connected
//! once and disconnected once; of bytes on a link that it has closed it hears nothing.

use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use shared::{
    id::PublicKey,
    sync::{Channel, CloseCode, Event, Input, Output, PeerId, Role},
    time::{Now, Tick},
};
use tokio::sync::{mpsc, oneshot};

use crate::host::{control::Call, machine::Clock};

/// Messages that may wait for the owner.
pub const QUEUE_MESSAGES_MAX: usize = 256;
/// Messages that are taken before the core is told that a timeout has come.
const GATHERED_MAX: usize = 64;
/// Bytes that may wait to be sent on one link.
pub const OUTBOUND_BYTES_MAX: usize = 8 << 20;

/// What an owner's thread owns: the core, driven by messages and drained after each.
pub trait Owned: Send + 'static {
    /// Takes in what happened on a link, or that a timeout came.
    fn handle(&mut self, now: Now, input: Input);
    /// The next thing to be done, until there is none.
    fn poll_output(&mut self) -> Option<Output>;
    /// When to be told of [`Input::Timeout`], if ever.
    fn poll_timeout(&self) -> Option<Tick>;
    /// Carries out a command. May keep the reply and answer after later messages.
    fn call(&mut self, now: Now, call: Call);
}

/// The owner has stopped: nobody takes messages any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the program is stopping")]
pub struct Stopped;

/// The running thread.
#[derive(Debug)]
pub struct Owner<O> {
    thread: thread::JoinHandle<O>,
    handle: Handle<O>,
}

impl<O: Owned> Owner<O> {
    /// Starts the thread that owns `owned`; `on_event` is called on it.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn spawn(owned: O, clock: Clock, on_event: impl FnMut(Event) + Send + 'static) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let (sender, mut messages) = mpsc::channel(QUEUE_MESSAGES_MAX);
        let mut desk = Desk { owned, clock, links: BTreeMap::new(), on_event: Box::new(on_event) };
        let work = move || {
            runtime.block_on(desk.work(&mut messages));
            desk.owned
        };
        let thread = thread::Builder::new().name("owner".to_owned()).spawn(work)?;
        Ok(Self { thread, handle: Handle { sender, next_peer: Arc::default() } })
    }

    /// Where to send messages.
    pub fn handle(&self) -> &Handle<O> {
        &self.handle
    }

    /// Lets the thread finish what was sent to it, closes what links there are, and gives back what it owned.
    /// Waits: not for tasks to call.
    ///
    /// # Panics
    /// The thread panicked.
    pub fn stop(self) -> O {
        // Where nobody takes the message the thread has already ended.
        drop(self.handle.sender.blocking_send(Message::Stop));
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// Sends messages to the owner; cheap to clone.
#[derive(Debug)]
pub struct Handle<O> {
    sender: mpsc::Sender<Message<O>>,
    next_peer: Arc<AtomicU64>,
}

impl<O> Clone for Handle<O> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), next_peer: Arc::clone(&self.next_peer) }
    }
}

impl<O: Owned> Handle<O> {
    /// Hands over a call.
    ///
    /// # Errors
    /// The owner has stopped; the call's reply says so.
    pub async fn call(&self, call: Call) -> Result<(), Stopped> {
        self.send(Message::Call(call)).await
    }

    /// Hands over a call from a thread without tasks.
    ///
    /// # Errors
    /// The owner has stopped; the call's reply says so.
    pub fn call_blocking(&self, call: Call) -> Result<(), Stopped> {
        self.sender.blocking_send(Message::Call(call)).map_err(|_| Stopped)
    }

    /// Runs `work` on the owner's thread and brings back what it found.
    ///
    /// # Errors
    /// The owner has stopped.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut O, Now) -> T + Send + 'static,
    ) -> Result<T, Stopped> {
        let (sender, found) = oneshot::channel();
        let work = move |owned: &mut O, now| drop(sender.send(work(owned, now)));
        self.send(Message::Run(Work(Box::new(work)))).await?;
        found.await.map_err(|_| Stopped)
    }

    /// The same from a thread without tasks.
    ///
    /// # Errors
    /// The owner has stopped.
    pub fn run_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut O, Now) -> T + Send + 'static,
    ) -> Result<T, Stopped> {
        let (sender, found) = oneshot::channel();
        let work = move |owned: &mut O, now| drop(sender.send(work(owned, now)));
        self.sender.blocking_send(Message::Run(Work(Box::new(work)))).map_err(|_| Stopped)?;
        found.blocking_recv().map_err(|_| Stopped)
    }

    /// Closes every link that there is; new ones may still come.
    ///
    /// # Errors
    /// The owner has stopped.
    pub async fn close_links(&self, code: CloseCode, reason: &str) -> Result<(), Stopped> {
        self.send(Message::CloseLinks { code, reason: reason.to_owned() }).await
    }

    /// Tells the core of a new link.
    pub(crate) async fn open(
        &self,
        role: Role,
        key: PublicKey,
        exporter: [u8; 32],
    ) -> Result<(PeerId, Outbound), Stopped> {
        let peer = PeerId(self.next_peer.fetch_add(1, Ordering::Relaxed));
        let (link, outbound) = Link::new();
        let connected = Input::Connected { peer, role, key, exporter };
        self.send(Message::Open { peer, link, connected }).await?;
        Ok((peer, outbound))
    }

    pub(crate) async fn received(
        &self,
        peer: PeerId,
        channel: Channel,
        bytes: Vec<u8>,
    ) -> Result<(), Stopped> {
        self.send(Message::Received { peer, channel, bytes }).await
    }

    /// Tells the core that a link is no more; where the owner has stopped there is nobody to tell.
    pub(crate) async fn gone(&self, peer: PeerId) {
        drop(self.sender.send(Message::Gone { peer }).await);
    }

    async fn send(&self, message: Message<O>) -> Result<(), Stopped> {
        self.sender.send(message).await.map_err(|_| Stopped)
    }
}

type Job<O> = dyn FnOnce(&mut O, Now) + Send;

/// Work to be run on the owner's thread.
struct Work<O>(Box<Job<O>>);

impl<O> std::fmt::Debug for Work<O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Work")
    }
}

#[derive(Debug)]
enum Message<O> {
    Open { peer: PeerId, link: Link, connected: Input },
    Received { peer: PeerId, channel: Channel, bytes: Vec<u8> },
    Gone { peer: PeerId },
    Call(Call),
    Run(Work<O>),
    CloseLinks { code: CloseCode, reason: String },
    Stop,
}

/// The owner's end of a link: what goes out. Dropped after `close`, what was sent before still goes.
#[derive(Debug)]
struct Link {
    control: mpsc::UnboundedSender<Vec<u8>>,
    batch: mpsc::UnboundedSender<Vec<u8>>,
    attachment: mpsc::UnboundedSender<Vec<u8>>,
    close: oneshot::Sender<(CloseCode, String)>,
    waiting: Arc<AtomicUsize>,
}

/// The task's end of a link: what is to go out.
#[derive(Debug)]
pub(crate) struct Outbound {
    pub(crate) control: mpsc::UnboundedReceiver<Vec<u8>>,
    pub(crate) batch: mpsc::UnboundedReceiver<Vec<u8>>,
    pub(crate) attachment: mpsc::UnboundedReceiver<Vec<u8>>,
    /// Resolves when the core closes the link, with an error when the owner has gone.
    pub(crate) close: oneshot::Receiver<(CloseCode, String)>,
    /// Bytes sent here by the core and not yet taken by QUIC.
    pub(crate) waiting: Arc<AtomicUsize>,
}

impl Link {
    fn new() -> (Self, Outbound) {
        let (control, control_out) = mpsc::unbounded_channel();
        let (batch, batch_out) = mpsc::unbounded_channel();
        let (attachment, attachment_out) = mpsc::unbounded_channel();
        let (close, close_out) = oneshot::channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let outbound = Outbound {
            control: control_out,
            batch: batch_out,
            attachment: attachment_out,
            close: close_out,
            waiting: Arc::clone(&waiting),
        };
        (Self { control, batch, attachment, close, waiting }, outbound)
    }

    /// Passes bytes on; `false` when too many are waiting.
    fn send(&self, channel: Channel, bytes: Vec<u8>) -> bool {
        let waiting = self.waiting.fetch_add(bytes.len(), Ordering::Relaxed) + bytes.len();
        let sender = match channel {
            Channel::Control => &self.control,
            Channel::Batch => &self.batch,
            Channel::Attachment => &self.attachment,
        };
        // A task that has ended says so itself, in its own message.
        drop(sender.send(bytes));
        waiting <= OUTBOUND_BYTES_MAX
    }
}

/// The thread's state.
struct Desk<O> {
    owned: O,
    clock: Clock,
    /// Links that the core has not closed.
    links: BTreeMap<PeerId, Link>,
    on_event: Box<dyn FnMut(Event) + Send>,
}

impl<O: Owned> Desk<O> {
    async fn work(&mut self, messages: &mut mpsc::Receiver<Message<O>>) {
        loop {
            self.drain();
            let now = self.clock.now();
            let wait = self.owned.poll_timeout().map(|at| at.0.saturating_sub(now.tick.0));
            if wait == Some(0) {
                // What lies ready goes first: what it brings is stored with one commit.
                for _ in 0..GATHERED_MAX {
                    match messages.try_recv() {
                        Ok(Message::Stop) => return,
                        Ok(message) => self.take(message),
                        Err(_) => break,
                    }
                    self.drain();
                }
                self.owned.handle(self.clock.now(), Input::Timeout);
                self.drain();
            }
            // With nothing left to wait it still looks for a message, so that timeouts starve nobody.
            let message = match wait {
                None => messages.recv().await,
                Some(wait) => {
                    match tokio::time::timeout(Duration::from_millis(wait), messages.recv()).await {
                        Ok(message) => message,
                        Err(_) => continue,
                    }
                }
            };
            match message {
                Some(Message::Stop) | None => return,
                Some(message) => self.take(message),
            }
        }
    }

    fn take(&mut self, message: Message<O>) {
        let now = self.clock.now();
        match message {
            Message::Open { peer, link, connected } => {
                self.links.insert(peer, link);
                self.owned.handle(now, connected);
            }
            Message::Received { peer, channel, bytes } => {
                if self.links.contains_key(&peer) {
                    self.owned.handle(now, Input::Received { peer, channel, bytes });
                }
            }
            Message::Gone { peer } => {
                self.links.remove(&peer);
                self.owned.handle(now, Input::Disconnected { peer });
            }
            Message::Call(call) => self.owned.call(now, call),
            Message::Run(work) => work.0(&mut self.owned, now),
            Message::CloseLinks { code, reason } => {
                for peer in self.links.keys().copied().collect::<Vec<_>>() {
                    self.close(peer, code, reason.clone());
                }
            }
            Message::Stop => {}
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.owned.poll_output() {
            match output {
                Output::Send { peer, channel, bytes } => {
                    if self.links.get(&peer).is_some_and(|link| !link.send(channel, bytes)) {
                        self.close(peer, CloseCode::Limit, "too much waits to be sent".to_owned());
                    }
                }
                Output::Close { peer, code, reason } => self.close(peer, code, reason),
                Output::Event(event) => (self.on_event)(event),
            }
        }
    }

    fn close(&mut self, peer: PeerId, code: CloseCode, reason: String) {
        if let Some(link) = self.links.remove(&peer) {
            // A task that has ended needs no telling.
            drop(link.close.send((code, reason)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc as std_mpsc;

    use serde_json::json;

    use super::*;
    use crate::host::control::Answer;

    /// Counts timeouts due every ten milliseconds, five in all, and answers calls with the count.
    #[derive(Default)]
    struct Ticker {
        ticks: u64,
        kept: Vec<Call>,
        events: Vec<Output>,
    }

    impl Owned for Ticker {
        fn handle(&mut self, _: Now, input: Input) {
            if input == Input::Timeout {
                self.ticks += 1;
            }
            if self.ticks == 5 {
                for call in self.kept.drain(..) {
                    call.reply.done(json!(self.ticks));
                }
                self.events.push(Output::Event(Event::Enrolled { peer: PeerId(0) }));
            }
        }

        fn poll_output(&mut self) -> Option<Output> {
            self.events.pop()
        }

        fn poll_timeout(&self) -> Option<Tick> {
            (self.ticks < 5).then(|| Tick(self.ticks * 10))
        }

        fn call(&mut self, now: Now, call: Call) {
            self.kept.push(call);
            self.handle(now, Input::Disconnected { peer: PeerId(0) });
        }
    }

    #[test]
    fn timeouts_calls_work_and_events_reach_their_places() {
        let (sender, events) = std_mpsc::channel();
        let on_event = move |event| drop(sender.send(event));
        let owner = Owner::spawn(Ticker::default(), Clock::start(), on_event).unwrap();
        let (call, mut answers) = Call::new(json!("when"));
        owner.handle().call_blocking(call).unwrap();
        assert_eq!(answers.next_blocking(), Some(Answer::Ok(json!(5))));
        assert_eq!(events.recv().unwrap(), Event::Enrolled { peer: PeerId(0) });
        let handle = owner.handle().clone();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert_eq!(runtime.block_on(handle.run(|ticker, _| ticker.ticks)), Ok(5));
        assert_eq!(owner.stop().ticks, 5);
        assert_eq!(runtime.block_on(handle.run(|ticker, _| ticker.ticks)), Err(Stopped));
    }
}
