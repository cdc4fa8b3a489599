//! Runs the real programs: hub and vans with homes of their own, killed, drained and read as a person or a
//! script would.
//!
//! Every wait is for an event and has a limit; a program that passes it is killed, and the test fails with
//! all it had said. A line of the log at ERROR that the test did not announce, and any panic, fails the test.

mod lines;
mod program;

use std::{
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

use serde_json::Value;

use self::lines::Lines;
pub use self::program::Program;

/// How long a command may take unless [`Call::within`] says otherwise.
pub const COMMAND_LIMIT: Duration = Duration::from_secs(60);

/// A hub's home, and the program over it.
#[derive(Clone, Debug)]
pub struct Hub {
    home: PathBuf,
}

/// A laptop's home, and the program over it.
#[derive(Clone, Debug)]
pub struct Van {
    home: PathBuf,
}

/// A command about to be run.
#[derive(Debug)]
pub struct Call {
    command: Command,
    stdin: Option<Vec<u8>>,
    limit: Duration,
    announced: Vec<String>,
}

/// What a command answered.
#[derive(Clone, Debug)]
pub struct Output {
    /// What was run, for messages.
    pub command: String,
    /// The exit code; None if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Those lines of standard output that are JSON.
    pub lines: Vec<Value>,
    /// Standard error.
    pub stderr: String,
}

/// A program that runs. Dropped, it is killed.
#[derive(Debug)]
pub struct Running {
    command: String,
    child: Child,
    stdout: Arc<Lines>,
    stderr: Arc<Lines>,
    limit: Duration,
    announced: Vec<String>,
    ready: Value,
    finished: bool,
}

impl Hub {
    /// Makes a hub for district 53.02 at `home`: `hub-server init` with further `arguments`.
    pub fn init(home: impl Into<PathBuf>, arguments: &[&str]) -> Self {
        let hub = Self::at(home);
        hub.call(&[&["init", "--district", "53.02"], arguments].concat()).run().done();
        hub
    }

    /// A hub whose home exists, or is to be made by the test itself.
    pub fn at(home: impl Into<PathBuf>) -> Self {
        Self { home: home.into() }
    }

    /// The hub's home folder.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// A command of `hub-server` about to be run.
    pub fn call(&self, arguments: &[&str]) -> Call {
        Call::over(Program::Hub, &self.home, arguments)
    }

    /// Runs a command with `--json`, which must exit 0.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.call(&[arguments, &["--json"]].concat()).run().done()
    }

    /// Starts `hub-server run` on ports of the system's choice, unless `arguments` name others.
    pub fn start(&self, arguments: &[&str]) -> Running {
        let mut all = vec!["run", "--json"];
        for flag in ["--listen", "--web"] {
            if !arguments.contains(&flag) {
                all.extend([flag, "127.0.0.1:0"]);
            }
        }
        all.extend(arguments);
        self.call(&all).start()
    }

    /// A fresh ticket for a laptop of `unit`.
    pub fn invite(&self, unit: &str) -> String {
        self.run(&["invite", "--unit", unit]).text("ticket")
    }
}

impl Van {
    /// Enrols a laptop at `home` with a hub's `ticket`.
    pub fn enroll(home: impl Into<PathBuf>, ticket: &str) -> Self {
        let van = Self::at(home);
        van.call(&["enroll", ticket]).run().done();
        van
    }

    /// A laptop whose home exists, or is to be made by the test itself.
    pub fn at(home: impl Into<PathBuf>) -> Self {
        Self { home: home.into() }
    }

    /// The laptop's home folder.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// A command of `van-agent` about to be run.
    pub fn call(&self, arguments: &[&str]) -> Call {
        Call::over(Program::Van, &self.home, arguments)
    }

    /// Runs a command with `--json`, which must exit 0.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.call(&[arguments, &["--json"]].concat()).run().done()
    }

    /// Starts `van-agent run` with its page on a port of the system's choice, unless `arguments` name one.
    pub fn start(&self, arguments: &[&str]) -> Running {
        let mut all = vec!["run", "--json"];
        if !arguments.contains(&"--web") {
            all.extend(["--web", "127.0.0.1:0"]);
        }
        all.extend(arguments);
        self.call(&all).start()
    }

    /// Records cases given as NDJSON; every one must be saved.
    pub fn record(&self, ndjson: &str) -> Output {
        self.call(&["record", "--file", "-", "--json"]).stdin(ndjson).run().done()
    }
}

impl Call {
    /// Any command: its input empty, its output read.
    pub fn of(mut command: Command) -> Self {
        for variable in ["VAN_AGENT_HOME", "HUB_SERVER_HOME", "RUST_LOG"] {
            command.env_remove(variable);
        }
        Self { command, stdin: None, limit: COMMAND_LIMIT, announced: Vec::new() }
    }

    /// A program of the project over a home of its own.
    fn over(program: Program, home: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(program.path());
        command.arg("--home").arg(home).args(arguments);
        // What a program keeps of a person outside its home: each home stands for a machine of its own.
        command.env("XDG_STATE_HOME", home.with_extension("state"));
        Self::of(command)
    }

    /// Gives the command this on its standard input.
    pub fn stdin(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(input.into());
        self
    }

    /// Sets a variable of the command's environment.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Lets the command take this long.
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Announces lines of the log at ERROR that hold `text`.
    pub fn announcing(mut self, text: &str) -> Self {
        self.announced.push(text.to_owned());
        self
    }

    /// Runs the command to its end.
    pub fn run(self) -> Output {
        self.spawn().finish()
    }

    /// Starts the command and waits for its line `{"ready":true, ...}`.
    pub fn start(self) -> Running {
        let mut running = self.spawn();
        let ready = running.line(|line| line.get("ready") == Some(&Value::Bool(true)));
        running.ready = ready;
        running
    }

    /// Starts the command and waits for nothing.
    pub fn spawn(mut self) -> Running {
        let command = words(&self.command);
        let stdin = if self.stdin.is_some() { Stdio::piped() } else { Stdio::null() };
        let mut child = self
            .command
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command}: {error}"));
        if let (Some(mut pipe), Some(input)) = (child.stdin.take(), self.stdin) {
            // A program that ends before it has read everything is the test's to judge, by what it says.
            thread::spawn(move || drop(pipe.write_all(&input)));
        }
        let stdout = Lines::of(child.stdout.take().expect("it was piped above"));
        let stderr = Lines::of(child.stderr.take().expect("it was piped above"));
        let (limit, announced, ready) = (self.limit, self.announced, Value::Null);
        Running { command, child, stdout, stderr, limit, announced, ready, finished: false }
    }
}

impl Output {
    /// This output, of a command that must have exited 0.
    #[track_caller]
    pub fn done(self) -> Self {
        self.exited(0)
    }

    /// This output, of a command that must have exited with `code`.
    #[track_caller]
    pub fn exited(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// The last line of JSON.
    #[track_caller]
    pub fn json(&self) -> &Value {
        self.lines.last().unwrap_or_else(|| panic!("no line of JSON from {self}"))
    }

    /// A text in the last line of JSON.
    #[track_caller]
    pub fn text(&self, key: &str) -> String {
        let value = self.json()[key].as_str();
        value.unwrap_or_else(|| panic!("no text `{key}` from {self}")).to_owned()
    }

    /// A number in the last line of JSON.
    #[track_caller]
    pub fn number(&self, key: &str) -> u64 {
        self.json()[key].as_u64().unwrap_or_else(|| panic!("no number `{key}` from {self}"))
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let code = self.code.map_or_else(|| "by a signal".to_owned(), |code| format!("with {code}"));
        writeln!(f, "`{}`, ended {code}", self.command)?;
        write!(f, "--- standard output\n{}--- standard error\n{}", self.stdout, self.stderr)
    }
}

impl Running {
    /// Announces lines of the log at ERROR that hold `text`.
    pub fn announce(&mut self, text: &str) {
        self.announced.push(text.to_owned());
    }

    /// The line that said it was ready.
    pub fn ready(&self) -> &Value {
        &self.ready
    }

    /// An address in the line that said it was ready: `quic`, `web`.
    #[track_caller]
    pub fn addr(&self, key: &str) -> SocketAddr {
        let addr = self.ready[key].as_str().and_then(|text| text.parse().ok());
        addr.unwrap_or_else(|| panic!("no address `{key}` in {}", self.ready))
    }

    /// Waits for the first line of JSON on standard output that is as `wanted`.
    #[track_caller]
    pub fn line(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let parsed = |line: &String| serde_json::from_str(line).ok().filter(|value| wanted(value));
        let found = self.stdout.wait(self.limit, |lines| lines.iter().find_map(parsed));
        found.unwrap_or_else(|| self.fail("did not print the line that was waited for"))
    }

    /// Waits for a line on standard error that holds `text`.
    #[track_caller]
    pub fn log(&mut self, text: &str) -> String {
        let holds = |lines: &[String]| lines.iter().find(|line| line.contains(text)).cloned();
        let found = self.stderr.wait(self.limit, holds);
        found.unwrap_or_else(|| self.fail(&format!("did not log `{text}`")))
    }

    /// The process's number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Memory that the process holds, in bytes; None where the system does not tell.
    pub fn memory_bytes(&self) -> Option<u64> {
        self.status_bytes("VmRSS:")
    }

    /// The most memory that the process has held so far, in bytes; None where the system does not tell.
    pub fn memory_peak_bytes(&self) -> Option<u64> {
        self.status_bytes("VmHWM:")
    }

    fn status_bytes(&self, name: &str) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).ok()?;
        let line = status.lines().find(|line| line.starts_with(name))?;
        Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1_024)
    }

    /// Ends the process as a power cut would (SIGKILL).
    pub fn kill(mut self) -> Output {
        // An error says that it has ended already.
        drop(self.child.kill());
        self.finish()
    }

    /// Asks the process to end (SIGTERM), and waits until it has.
    pub fn terminate(self) -> Output {
        self.signal("TERM");
        self.finish()
    }

    /// Sends a signal by its name: `TERM`, `INT`, `STOP`.
    pub fn signal(&self, name: &str) {
        let id = self.id().to_string();
        let sent = Command::new("sh").args(["-c", "kill -s \"$1\" \"$2\"", "sh", name, &id]).status();
        assert!(sent.is_ok_and(|status| status.success()), "SIG{name} to {}", self.command);
    }

    /// Waits until the process has ended by itself.
    #[track_caller]
    pub fn finish(mut self) -> Output {
        let limit = self.limit;
        let ended = self.stdout.ended(limit) && self.stderr.ended(limit);
        if !ended {
            self.fail::<()>(&format!("had not ended after {limit:?}"));
        }
        let output = self.output();
        self.check_log(&output);
        output
    }

    /// Waits for the process, whose pipes are closed, and gathers what it said.
    fn output(&mut self) -> Output {
        self.finished = true;
        let status = self.child.wait().expect("a child can be waited for");
        let stdout = self.stdout.text();
        let lines = stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let (command, stderr) = (self.command.clone(), self.stderr.text());
        Output { command, code: status.code(), stdout, lines, stderr }
    }

    #[track_caller]
    fn check_log(&self, output: &Output) {
        let announced = |line: &str| self.announced.iter().any(|text| line.contains(text));
        let bad = |line: &&str| line.contains("panicked at") || is_error(line) && !announced(line);
        let unannounced: Vec<_> = output.stderr.lines().filter(bad).collect();
        assert!(unannounced.is_empty(), "errors that nobody announced: {unannounced:#?}\n{output}");
    }

    /// Kills the process and fails the test with all that it said.
    #[track_caller]
    fn fail<T>(&mut self, what: &str) -> T {
        drop(self.child.kill());
        panic!("{what}: {}", self.output());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        // An error says that it has ended already.
        drop(self.child.kill());
        let output = self.output();
        if !thread::panicking() {
            self.check_log(&output);
        }
    }
}

/// Whether a line of a log is at ERROR, in either of the two forms that the programs write.
fn is_error(line: &str) -> bool {
    match serde_json::from_str::<Value>(line) {
        Ok(json) => json["level"] == "ERROR",
        Err(_) => line.split_whitespace().take(2).any(|word| word == "ERROR"),
    }
}

fn words(command: &Command) -> String {
    let arguments = command.get_args().map(|argument| argument.to_string_lossy().into_owned());
    let program = command.get_program().to_string_lossy().into_owned();
    [program].into_iter().chain(arguments).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    fn shell(script: &str) -> Call {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Call::of(command).within(Duration::from_secs(20))
    }

    fn message(test: impl FnOnce() + std::panic::UnwindSafe) -> String {
        *catch_unwind(test).unwrap_err().downcast::<String>().unwrap()
    }

    #[test]
    fn a_command_is_read_to_its_end() {
        let output =
            shell("cat; echo '{\"saved\":2,\"slip\":\"S\"}'; echo oops >&2; exit 1").stdin("in\n").run();
        assert_eq!((output.code, output.stderr.as_str()), (Some(1), "oops\n"));
        assert_eq!(output.stdout, "in\n{\"saved\":2,\"slip\":\"S\"}\n");
        assert_eq!((output.number("saved"), output.text("slip")), (2, "S".to_owned()));
        assert!(message(|| drop(output.done())).contains("oops"));
    }

    #[test]
    fn a_server_is_ready_then_ends_as_it_is_told() {
        let script = "trap 'echo drained; exit 0' TERM
            echo '{\"ready\":true,\"web\":\"127.0.0.1:80\"}'; echo listening >&2
            sleep 20 > /dev/null 2>&1 & wait";
        let mut server = shell(script).start();
        assert_eq!(server.addr("web").port(), 80);
        assert_eq!(server.log("listen"), "listening");
        assert!(server.memory_bytes().is_none_or(|bytes| bytes > 0));
        assert!(server.terminate().done().stdout.ends_with("drained\n"));
        assert_eq!(shell(script).start().kill().code, None);
    }

    #[test]
    fn one_that_hangs_or_dies_early_fails_the_test_with_its_words() {
        let hangs =
            || drop(shell("echo stuck >&2; exec tail -f /dev/null").within(Duration::from_millis(300)).run());
        assert!(message(hangs).contains("stuck"));
        let dies = || drop(shell("echo no home >&2; exit 1").start());
        assert!(message(dies).contains("no home"));
    }

    #[test]
    fn errors_in_the_log_must_be_announced() {
        for line in [
            "2026-11-20T01:12:00Z ERROR store: disk full",
            "ERROR disk full",
            "{\"level\":\"ERROR\",\"fields\":{\"message\":\"disk full\"}}",
        ] {
            let call = || shell(&format!("echo '{line}' >&2"));
            assert!(message(|| drop(call().run())).contains("nobody announced"), "{line}");
            call().announcing("disk full").run().done();
        }
        shell("echo '2026-11-20T01:12:00Z  INFO link: no ERROR here' >&2").run().done();
        let panics = || drop(shell("echo 'thread main panicked at x.rs' >&2").announcing("panicked").run());
        assert!(message(panics).contains("nobody announced"));
    }
}
