//! How a command reaches the process that holds its home: a channel over loopback.
//!
//! The process that holds the lock listens on a port of the system's choice on 127.0.0.1 and writes port and
//! secret to a file that only the home's owner can read. A caller sends the secret as its first line, then
//! requests, each one JSON value on a line of at most [`REQUEST_BYTES_MAX`]; many lines of input, such as
//! records, go as several requests on one connection, so that the owner never waits for a caller. Each
//! request is answered by any number of `{"event":..}` lines and then one `{"ok":..}` or `{"error":{..}}`.
//!
//! **Invariants:** nothing is parsed before the secret was right; the file is there only while its process
//! listens, for whoever takes the lock clears away what a killed process left.

use std::{
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::identity;
use tokio::sync::mpsc;

use crate::host::{
    home::{Home, HomeError, Item, Lock, LockError},
    machine,
    output::Failure,
};

/// Length of a request's line, at most.
pub const REQUEST_BYTES_MAX: usize = 1 << 20;
/// Length of an answer's line, at most.
pub const ANSWER_BYTES_MAX: usize = 64 << 20;
/// Answers that may wait for a slow caller; one over, and the call is broken off.
pub const ANSWERS_WAITING_MAX: usize = 1 << 18;
/// Callers at the same time, at most.
pub const CALLERS_MAX: usize = 32;

const SECRET_LINE_BYTES_MAX: usize = 128;
const SECRET_PATIENCE: Duration = Duration::from_secs(10);
const WRITE_PATIENCE: Duration = Duration::from_secs(600);
const REACH_POLL: Duration = Duration::from_millis(50);

/// A request on its way to the owner.
#[derive(Debug)]
pub struct Call {
    /// What is asked, as the caller wrote it.
    pub request: Value,
    /// Where the answers go.
    pub reply: Reply,
}

/// One answer to a call.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Something on the way; more follows.
    Event(Value),
    /// The result; nothing follows.
    Ok(Value),
    /// Why there is none; nothing follows.
    Error(Failure),
}

/// Takes the answers to one call. Dropped without a last answer, it tells the caller that the work was cut off.
#[derive(Debug)]
pub struct Reply {
    answers: mpsc::UnboundedSender<Answer>,
    waiting: Arc<AtomicUsize>,
    answered: bool,
}

/// The answers to one call, as they come.
#[derive(Debug)]
pub struct Answers {
    answers: mpsc::UnboundedReceiver<Answer>,
    waiting: Arc<AtomicUsize>,
}

impl Call {
    /// A call of this process's own, and where its answers come.
    pub fn new(request: Value) -> (Self, Answers) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let reply = Reply { answers: sender, waiting: Arc::clone(&waiting), answered: false };
        (Self { request, reply }, Answers { answers: receiver, waiting })
    }
}

impl Reply {
    /// Tells the caller something on the way; `false` when the caller has gone and the work may be left.
    pub fn event(&mut self, event: Value) -> bool {
        if self.waiting.load(Ordering::Relaxed) >= ANSWERS_WAITING_MAX {
            self.last(Answer::Error(Failure::new("the answers were not read fast enough")));
        }
        !self.answered && self.send(Answer::Event(event))
    }

    /// Gives the result.
    pub fn done(mut self, result: Value) {
        self.last(Answer::Ok(result));
    }

    /// Tells why there is no result.
    pub fn fail(mut self, failure: Failure) {
        self.last(Answer::Error(failure));
    }

    fn last(&mut self, answer: Answer) {
        if !self.answered {
            self.answered = true;
            self.send(answer);
        }
    }

    fn send(&self, answer: Answer) -> bool {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.answers.send(answer).is_ok()
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        let failure =
            Failure::new("the program stopped before it had an answer").next("give the command again");
        self.last(Answer::Error(failure));
    }
}

impl Answers {
    /// The next answer; `None` after the last one.
    pub async fn next(&mut self) -> Option<Answer> {
        let answer = self.answers.recv().await;
        self.waiting.fetch_sub(usize::from(answer.is_some()), Ordering::Relaxed);
        answer
    }

    /// The next answer, waited for by a thread without tasks; `None` after the last one.
    pub fn next_blocking(&mut self) -> Option<Answer> {
        let answer = self.answers.blocking_recv();
        self.waiting.fetch_sub(usize::from(answer.is_some()), Ordering::Relaxed);
        answer
    }
}

/// What the file says.
#[derive(Serialize, Deserialize)]
struct Door {
    port: u16,
    secret: String,
    pid: u32,
}

/// The listening end; gone, file and all, when dropped.
#[derive(Debug)]
pub struct Control {
    file: PathBuf,
    port: u16,
    closing: Arc<AtomicBool>,
    listener: Option<thread::JoinHandle<()>>,
}

/// The channel could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// No port on loopback.
    #[error("listen on loopback")]
    Listen(#[source] io::Error),
    /// No file to tell others by.
    #[error("open the control channel")]
    Home(#[from] HomeError),
}

impl Control {
    /// Listens for callers of the home that `_lock` holds and hands their calls to `deliver`, which says
    /// whether there is still somebody to take them.
    ///
    /// # Errors
    /// There is no port on loopback, or the file cannot be written for another reason than a full disk.
    pub fn serve(
        home: &Home,
        _lock: &Lock,
        deliver: impl Fn(Call) -> bool + Send + Sync + 'static,
    ) -> Result<Self, ControlError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(ControlError::Listen)?;
        let port = listener.local_addr().map_err(ControlError::Listen)?.port();
        let mut secret = [0; 32];
        machine::entropy(&mut secret);
        let door = Door { port, secret: HEXLOWER.encode(&secret), pid: std::process::id() };
        let closing = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&closing);
        let thread = thread::Builder::new().name("control".to_owned());
        let listening = thread
            .spawn(move || listen(&listener, secret, &Arc::new(deliver), &stop))
            .map_err(ControlError::Listen)?;
        // Owns the thread before anything else can fail.
        let control = Self { file: home.path(Item::Control), port, closing, listener: Some(listening) };
        match home.write(Item::Control, &serde_json::to_vec(&door).expect("plain fields have a JSON form")) {
            // Nobody finds the way here then: others wait for the lock.
            Err(HomeError::Full { .. }) => {
                tracing::warn!("the disk is full: other commands cannot reach this program");
                Ok(control)
            }
            written => written.map(|()| control).map_err(ControlError::Home),
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // A file that stays is cleared away by whoever takes the lock next.
        drop(fs::remove_file(&self.file));
        self.closing.store(true, Ordering::Release);
        let woken = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        if let (Ok(_), Some(listener)) = (woken, self.listener.take())
            && listener.join().is_err()
        {
            tracing::error!("the thread of the control channel failed");
        }
    }
}

fn listen<D>(listener: &TcpListener, secret: [u8; 32], deliver: &Arc<D>, closing: &AtomicBool)
where
    D: Fn(Call) -> bool + Send + Sync + 'static,
{
    let callers = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming() {
        if closing.load(Ordering::Acquire) {
            return;
        }
        let Ok(stream) = stream else { continue };
        if callers.fetch_add(1, Ordering::AcqRel) >= CALLERS_MAX {
            callers.fetch_sub(1, Ordering::AcqRel);
            continue;
        }
        let (deliver, count) = (Arc::clone(deliver), Arc::clone(&callers));
        let serve = move || {
            if let Err(error) = serve_caller(&stream, &secret, &*deliver) {
                tracing::debug!(%error, "a caller of the control channel went away");
            }
            count.fetch_sub(1, Ordering::AcqRel);
        };
        if thread::Builder::new().name("caller".to_owned()).spawn(serve).is_err() {
            callers.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

fn serve_caller(stream: &TcpStream, secret: &[u8; 32], deliver: &impl Fn(Call) -> bool) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(WRITE_PATIENCE))?;
    stream.set_read_timeout(Some(SECRET_PATIENCE))?;
    let mut reader = BufReader::new(stream);
    let given = match read_line(&mut reader, SECRET_LINE_BYTES_MAX)? {
        Line::Whole(line) => secret_of(&line),
        Line::End | Line::TooLong => None,
    };
    if !given.is_some_and(|given| identity::same_secret(&given, secret)) {
        return write_answer(
            stream,
            &Answer::Error(Failure::new("the secret of the control channel is wrong")),
        );
    }
    // From here on it is the home's owner, who may take any time between two requests.
    stream.set_read_timeout(None)?;
    loop {
        let line = match read_line(&mut reader, REQUEST_BYTES_MAX)? {
            Line::Whole(line) => line,
            Line::End => return Ok(()),
            Line::TooLong => {
                let failure = Failure::new(format!("a request is longer than {REQUEST_BYTES_MAX} bytes"));
                return write_answer(stream, &Answer::Error(failure));
            }
        };
        let Ok(request) = serde_json::from_slice(&line) else {
            return write_answer(stream, &Answer::Error(Failure::new("a request is not JSON")));
        };
        let (call, mut answers) = Call::new(request);
        // A call that nobody takes is dropped, and its reply says so.
        deliver(call);
        while let Some(answer) = answers.next_blocking() {
            write_answer(stream, &answer)?;
        }
    }
}

fn secret_of(line: &[u8]) -> Option<[u8; 32]> {
    HEXLOWER.decode(line).ok()?.try_into().ok()
}

fn write_answer(mut stream: &TcpStream, answer: &Answer) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer).map_err(io::Error::other)?;
    line.push(b'\n');
    stream.write_all(&line)
}

enum Line {
    /// Without its line end.
    Whole(Vec<u8>),
    End,
    TooLong,
}

/// Reads one line of at most `bytes_max` bytes; a line that the end of the stream cuts off is none.
fn read_line(reader: &mut impl BufRead, bytes_max: usize) -> io::Result<Line> {
    let mut line = Vec::new();
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    reader.take(limit).read_until(b'\n', &mut line)?;
    Ok(match line.pop() {
        Some(b'\n') => Line::Whole(line),
        Some(_) if line.len() >= bytes_max => Line::TooLong,
        _ => Line::End,
    })
}

/// How a command gets at its home.
#[derive(Debug)]
pub enum Reached {
    /// By itself: nobody else is at work there.
    Alone(Lock),
    /// Through the process that is at work there.
    Through(Client),
}

/// Gets at `home`: takes it, or calls whoever holds it, waiting for up to `patience` while somebody holds it
/// without listening.
///
/// # Errors
/// Somebody kept it, or the lock file cannot be opened.
pub fn reach(home: &Home, patience: Duration) -> Result<Reached, LockError> {
    let asked = Instant::now();
    loop {
        match home.lock(Duration::ZERO) {
            Ok(lock) => return Ok(Reached::Alone(lock)),
            Err(error @ LockError::Io { .. }) => return Err(error),
            Err(busy @ LockError::Busy { .. }) => {
                if let Some(client) = Client::connect(home) {
                    return Ok(Reached::Through(client));
                }
                if asked.elapsed() >= patience {
                    return Err(busy);
                }
                thread::sleep(REACH_POLL);
            }
        }
    }
}

/// The calling end.
#[derive(Debug)]
pub struct Client {
    reader: BufReader<TcpStream>,
}

/// A call brought no result.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The process that was called says why.
    #[error(transparent)]
    Failed(Failure),
    /// The request is over the limit.
    #[error("a request of {found} bytes is over the limit of {REQUEST_BYTES_MAX}")]
    TooLong {
        /// Its length.
        found: usize,
    },
    /// The request has no JSON form.
    #[error("write the request as JSON")]
    Json(#[source] serde_json::Error),
    /// The connection broke; whether the work was done is not known.
    #[error("the program that serves this folder went away")]
    Lost(#[source] io::Error),
}

impl Client {
    /// Calls the process that holds `home`; `None` where none listens.
    pub fn connect(home: &Home) -> Option<Self> {
        let door: Door = serde_json::from_slice(&home.read(Item::Control).ok()??).ok()?;
        Self::knock(door.port, &door.secret).ok()
    }

    fn knock(port: u16, secret: &str) -> io::Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut stream = TcpStream::connect_timeout(&address, SECRET_PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.write_all(format!("{secret}\n").as_bytes())?;
        Ok(Self { reader: BufReader::new(stream) })
    }

    /// Sends `request` and waits for its result, handing events to `on_event` as they come.
    ///
    /// # Errors
    /// There is no result; after [`CallError::Lost`] the client is of no more use.
    pub fn call(
        &mut self,
        request: &impl Serialize,
        mut on_event: impl FnMut(Value),
    ) -> Result<Value, CallError> {
        let mut line = serde_json::to_vec(request).map_err(CallError::Json)?;
        if line.len() > REQUEST_BYTES_MAX {
            return Err(CallError::TooLong { found: line.len() });
        }
        line.push(b'\n');
        self.reader.get_mut().write_all(&line).map_err(CallError::Lost)?;
        loop {
            let line = match read_line(&mut self.reader, ANSWER_BYTES_MAX).map_err(CallError::Lost)? {
                Line::Whole(line) => line,
                Line::End => return Err(CallError::Lost(io::ErrorKind::UnexpectedEof.into())),
                Line::TooLong => return Err(CallError::Lost(io::ErrorKind::FileTooLarge.into())),
            };
            match serde_json::from_slice(&line).map_err(|error| CallError::Lost(error.into()))? {
                Answer::Event(event) => on_event(event),
                Answer::Ok(result) => return Ok(result),
                Answer::Error(failure) => return Err(CallError::Failed(failure)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    struct Served {
        home: Home,
        _control: Control,
        _lock: Lock,
        _folder: tempfile::TempDir,
    }

    fn served(answer: impl Fn(Call) -> bool + Send + Sync + 'static) -> Served {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(folder.path()).unwrap();
        let lock = home.lock(Duration::ZERO).unwrap();
        let control = Control::serve(&home, &lock, answer).unwrap();
        Served { home, _control: control, _lock: lock, _folder: folder }
    }

    fn echo(mut call: Call) -> bool {
        for word in ["on", "the way"] {
            assert!(call.reply.event(json!(word)));
        }
        match call.request.as_str() {
            Some("fail") => call.reply.fail(Failure::usage("as you wish").next("ask for something else")),
            Some("drop") => return false,
            _ => call.reply.done(call.request),
        }
        true
    }

    #[test]
    fn many_calls_on_one_connection() {
        let served = served(echo);
        let Reached::Through(mut client) = reach(&served.home, Duration::ZERO).unwrap() else {
            panic!("the lock is held")
        };
        for number in 0..3 {
            let mut events = Vec::new();
            let result = client.call(&json!({ "number": number }), |event| events.push(event)).unwrap();
            assert_eq!(result, json!({ "number": number }));
            assert_eq!(events, [json!("on"), json!("the way")]);
        }
        let failed = client.call(&json!("fail"), drop).unwrap_err();
        assert!(matches!(failed, CallError::Failed(Failure { usage: true, next: Some(_), .. })));
        let dropped = client.call(&json!("drop"), drop).unwrap_err();
        assert!(matches!(dropped, CallError::Failed(Failure { usage: false, .. })));
    }

    #[test]
    fn a_wrong_secret_reaches_nobody() {
        let served = served(|_| panic!("a call came through"));
        let door: Door = serde_json::from_slice(&served.home.read(Item::Control).unwrap().unwrap()).unwrap();
        for secret in ["", "00", &"0".repeat(64), &"a".repeat(5_000), &door.secret.to_uppercase()] {
            let mut client = Client::knock(door.port, secret).unwrap();
            let refused = client.call(&json!("anything"), drop).unwrap_err();
            assert!(matches!(refused, CallError::Failed(_) | CallError::Lost(_)), "{secret}");
        }
    }

    #[test]
    fn an_oversized_or_broken_line_is_refused() {
        let served = served(|_| panic!("a call came through"));
        let too_long = "x".repeat(REQUEST_BYTES_MAX);
        let mut client = Client::connect(&served.home).unwrap();
        assert!(matches!(client.call(&too_long, drop), Err(CallError::TooLong { .. })));
        client.reader.get_mut().write_all(too_long.as_bytes()).unwrap();
        client.reader.get_mut().write_all(b"x").unwrap();
        let Line::Whole(line) = read_line(&mut client.reader, ANSWER_BYTES_MAX).unwrap() else {
            panic!("an answer comes")
        };
        assert!(String::from_utf8(line).unwrap().contains("longer than 1048576 bytes"));
        let mut client = Client::connect(&served.home).unwrap();
        client.reader.get_mut().write_all(b"\xff\0not json\n").unwrap();
        let Line::Whole(line) = read_line(&mut client.reader, ANSWER_BYTES_MAX).unwrap() else {
            panic!("an answer comes")
        };
        assert!(String::from_utf8(line).unwrap().contains("not JSON"));
    }

    #[test]
    fn nothing_is_left_when_it_ends() {
        let served = served(echo);
        let Served { home, _control: control, _lock: lock, _folder } = served;
        drop(control);
        assert_eq!(home.read(Item::Control).unwrap(), None);
        assert!(matches!(reach(&home, Duration::ZERO), Err(LockError::Busy { .. })));
        drop(lock);
        assert!(matches!(reach(&home, Duration::ZERO), Ok(Reached::Alone(_))));
    }
}
