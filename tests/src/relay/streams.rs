//! The sockets of TCP: two for each connection, read no faster than the link carries.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{Semaphore, mpsc},
    task::{AbortHandle, JoinSet},
};

use super::{
    Link,
    air::Direction,
    lane::TCP_HEADERS_BYTES,
    segments::{Connection, Effect, Event},
};

/// Bytes of one direction that the relay holds: what a reader has taken and the other end's socket has not.
const HELD_BYTES_MAX: usize = 64 << 10;
const READ_BYTES_MAX: usize = 16 << 10;

/// All connections, and what happens on their sockets.
#[derive(Debug)]
pub(super) struct Streams {
    listener: TcpListener,
    link: Arc<Link>,
    all: BTreeMap<u64, Stream>,
    /// One task for each way of each socket; they end with the relay.
    tasks: JoinSet<()>,
    happenings: (mpsc::UnboundedSender<Happening>, mpsc::UnboundedReceiver<Happening>),
    due: VecDeque<(Duration, u64, Event)>,
    next: u64,
    severings: u64,
}

/// What happened on a socket.
#[derive(Debug)]
pub(super) enum Happening {
    Begun(TcpStream),
    Accepted(u64, TcpStream),
    /// What comes from the socket at which the direction begins.
    Read(u64, Direction, Read),
}

#[derive(Debug)]
pub(super) enum Read {
    Bytes(Vec<u8>),
    End,
    Broken,
}

#[derive(Debug)]
struct Stream {
    connection: Connection,
    client: Socket,
    target: Option<Socket>,
    room: Room,
    finished: [bool; 2],
}

/// Bytes that each direction's reader may still take.
type Room = [Arc<Semaphore>; 2];

/// One end's socket: the tasks that read and write it.
#[derive(Debug)]
struct Socket {
    reader: AbortHandle,
    writes: mpsc::UnboundedSender<Write>,
}

#[derive(Debug)]
enum Write {
    Bytes(Vec<u8>),
    End,
    Reset,
}

impl Streams {
    pub(super) fn new(listener: TcpListener, link: Arc<Link>) -> Self {
        Self {
            listener,
            link,
            all: BTreeMap::new(),
            tasks: JoinSet::new(),
            happenings: mpsc::unbounded_channel(),
            due: VecDeque::new(),
            next: 0,
            severings: 0,
        }
    }

    /// Waits for something to happen.
    pub(super) async fn next(&mut self) -> Happening {
        loop {
            tokio::select! {
                accepted = self.listener.accept() => {
                    if let Ok((socket, _)) = accepted {
                        return Happening::Begun(socket);
                    }
                }
                Some(happening) = self.happenings.1.recv() => return happening,
                // Tasks that have ended are let go.
                Some(_) = self.tasks.join_next() => {}
            }
        }
    }

    /// The next event to be given back, with its time and connection, until there is none.
    pub(super) fn poll(&mut self) -> Option<(Duration, u64, Event)> {
        self.due.pop_front()
    }

    pub(super) fn take(&mut self, now: Duration, happening: Happening) {
        match happening {
            Happening::Begun(socket) => self.begin(now, socket),
            Happening::Accepted(number, socket) => {
                let Some(stream) = self.all.get(&number) else { return };
                let room = stream.room.clone();
                let target = self.serve(number, socket, Direction::Down, &room);
                if let Some(stream) = self.all.get_mut(&number) {
                    stream.target = Some(target);
                    stream.connection.accepted(&mut self.link.lock().air, now);
                }
                self.drain(number);
            }
            Happening::Read(number, direction, read) => {
                if let Some(stream) = self.all.get_mut(&number) {
                    let air = &mut self.link.lock().air;
                    match read {
                        Read::Bytes(bytes) => stream.connection.write(air, now, direction, &bytes),
                        Read::End => stream.connection.finish(air, now, direction),
                        Read::Broken => stream.connection.reset(air, now, direction),
                    }
                }
                self.drain(number);
            }
        }
    }

    /// Takes an event back at its time.
    pub(super) fn handle(&mut self, now: Duration, number: u64, event: Event) {
        if let Event::Acknowledged { direction, severings } = event {
            // The connection may be over before its last acknowledgement has arrived.
            self.link.lock().air.arrive(direction, now, TCP_HEADERS_BYTES, severings);
            return;
        }
        if let Some(stream) = self.all.get_mut(&number) {
            stream.connection.handle(&mut self.link.lock().air, now, event);
        }
        self.drain(number);
    }

    /// Resets all connections if the link was severed since last asked.
    pub(super) fn reset_severed(&mut self) {
        let severings = self.link.lock().air.severings();
        if severings != self.severings {
            self.severings = severings;
            for (_, stream) in std::mem::take(&mut self.all) {
                stream.reset();
            }
        }
    }

    /// Tells how many connections there are.
    pub(super) fn count(&self) {
        self.link.lock().connections_open = self.all.len() as u64;
    }

    fn begin(&mut self, now: Duration, socket: TcpStream) {
        let number = self.next;
        self.next += 1;
        let room = [(); 2].map(|()| Arc::new(Semaphore::new(HELD_BYTES_MAX)));
        let client = self.serve(number, socket, Direction::Up, &room);
        let mut state = self.link.lock();
        state.connections += 1;
        let connection = Connection::begin(&mut state.air, now);
        drop(state);
        self.all.insert(number, Stream { connection, client, target: None, room, finished: [false; 2] });
        self.drain(number);
    }

    /// Starts the tasks of a socket at which `direction` begins.
    fn serve(&mut self, number: u64, socket: TcpStream, direction: Direction, room: &Room) -> Socket {
        // A segment that is delayed once more by this machine would arrive too late.
        drop(socket.set_nodelay(true));
        let (reading, writing) = socket.into_split();
        let (writes, orders) = mpsc::unbounded_channel();
        let sender = self.happenings.0.clone();
        let [ahead, back] = [direction, direction.back()].map(|way| Arc::clone(&room[way as usize]));
        let reader = self.tasks.spawn(async move {
            let read = |what| sender.send(Happening::Read(number, direction, what)).is_ok();
            read_on(reading, &ahead, read).await;
        });
        self.tasks.spawn(write_on(writing, orders, back));
        Socket { reader, writes }
    }

    fn drain(&mut self, number: u64) {
        while let Some(stream) = self.all.get_mut(&number)
            && let Some(effect) = stream.connection.poll()
        {
            match effect {
                Effect::At(at, event) => self.due.push_back((at, number, event)),
                Effect::Connect => self.connect(number),
                Effect::Deliver(direction, bytes) => {
                    stream.write(direction, Write::Bytes(bytes));
                }
                Effect::Finish(direction) => {
                    stream.write(direction, Write::End);
                    stream.finished[direction as usize] = true;
                    if stream.finished == [true; 2] {
                        self.all.remove(&number);
                    }
                }
                Effect::Reset => {
                    if let Some(stream) = self.all.remove(&number) {
                        stream.reset();
                    }
                }
            }
        }
    }

    fn connect(&mut self, number: u64) {
        let (target, sender) = (self.link.lock().target, self.happenings.0.clone());
        self.tasks.spawn(async move {
            let happening = match TcpStream::connect(target).await {
                Ok(socket) => Happening::Accepted(number, socket),
                Err(_) => Happening::Read(number, Direction::Down, Read::Broken),
            };
            // Where nobody listens the relay has ended.
            drop(sender.send(happening));
        });
    }
}

impl Stream {
    /// Has the end that `direction` leads to written to.
    fn write(&self, direction: Direction, write: Write) {
        let socket = match direction {
            Direction::Up => self.target.as_ref(),
            Direction::Down => Some(&self.client),
        };
        // A task that has ended has told so.
        drop(socket.map(|socket| socket.writes.send(write)));
    }

    fn reset(self) {
        for socket in [Some(self.client), self.target].into_iter().flatten() {
            socket.reader.abort();
            drop(socket.writes.send(Write::Reset));
        }
    }
}

/// Reads a socket, as far as there is `room`, until it ends or `tell` finds nobody.
async fn read_on(mut socket: OwnedReadHalf, room: &Semaphore, tell: impl Fn(Read) -> bool) {
    let mut buffer = vec![0; READ_BYTES_MAX];
    loop {
        let Ok(permit) = room.acquire_many(READ_BYTES_MAX as u32).await else { return };
        let read = match socket.read(&mut buffer).await {
            Ok(0) => Read::End,
            Ok(length) => Read::Bytes(buffer[..length].to_vec()),
            Err(_) => Read::Broken,
        };
        let (goes_on, taken) = match &read {
            Read::Bytes(bytes) => (true, bytes.len()),
            Read::End | Read::Broken => (false, 0),
        };
        // The writer at the other end gives back what was taken.
        permit.forget();
        room.add_permits(READ_BYTES_MAX - taken);
        if !tell(read) || !goes_on {
            return;
        }
    }
}

/// Writes to a socket what is ordered, and gives the `room` of it back.
async fn write_on(
    mut socket: OwnedWriteHalf,
    mut orders: mpsc::UnboundedReceiver<Write>,
    room: Arc<Semaphore>,
) {
    while let Some(order) = orders.recv().await {
        match order {
            Write::Bytes(bytes) => {
                // An end that has gone is found by its reader.
                drop(socket.write_all(&bytes).await);
                room.add_permits(bytes.len());
            }
            Write::End => drop(socket.shutdown().await),
            Write::Reset => {
                drop(socket.as_ref().set_zero_linger());
                // Closed without a word of its own, so that the reset is the only one.
                socket.forget();
                return;
            }
        }
    }
}
