//! What a process prints, gathered line by line while it runs.

use std::{
    io::{self, BufRead, BufReader},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

/// How long the pipe of a process that has ended may stay open: a child of its own may hold it.
const CLOSING_LIMIT: Duration = Duration::from_secs(5);

/// The lines of a pipe, gathered by a thread until the pipe is closed.
#[derive(Debug, Default)]
pub(super) struct Lines {
    gathered: Mutex<Gathered>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Gathered {
    lines: Vec<String>,
    ended: bool,
}

impl Lines {
    pub(super) fn of(pipe: impl io::Read + Send + 'static) -> Arc<Self> {
        let lines = Arc::new(Self::default());
        let gathering = Arc::clone(&lines);
        thread::spawn(move || {
            let mut pipe = BufReader::new(pipe);
            let mut line = Vec::new();
            while pipe.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
                gathering.lock().lines.push(String::from_utf8_lossy(&line).trim_end().to_owned());
                gathering.changed.notify_all();
                line.clear();
            }
            gathering.lock().ended = true;
            gathering.changed.notify_all();
        });
        lines
    }

    fn lock(&self) -> MutexGuard<'_, Gathered> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `wanted` finds something; None if the pipe is closed or the limit passes before.
    pub(super) fn wait<T>(&self, limit: Duration, wanted: impl Fn(&[String]) -> Option<T>) -> Option<T> {
        let mut found = None;
        let waiting = |gathered: &mut Gathered| {
            found = wanted(&gathered.lines);
            found.is_none() && !gathered.ended
        };
        drop(self.changed.wait_timeout_while(self.lock(), limit, waiting));
        found
    }

    /// Waits until the pipe is closed; false if the limit passes before.
    pub(super) fn ended(&self, limit: Duration) -> bool {
        drop(self.changed.wait_timeout_while(self.lock(), limit, |gathered| !gathered.ended));
        self.lock().ended
    }

    /// All that came, once the pipe is closed.
    pub(super) fn text(&self) -> String {
        self.ended(CLOSING_LIMIT);
        self.lock().lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
    }
}
