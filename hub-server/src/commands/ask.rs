//! Sends a request to whoever holds the store: this process if it gets the lock, else the one that has it.

use serde_json::Value;
use van_agent::host::{
    control::{CallError, Reached, reach},
    home::{Home, LOCK_PATIENCE, LockError},
    machine::Clock,
    output::{Failure, PrintError, Printer},
};

use crate::{hub::Hub, request::Request};

/// Where requests are asked and their answers said.
#[derive(Debug)]
pub(super) struct Desk {
    /// Whose hub is asked.
    pub(super) home: Home,
    /// Says the answers.
    pub(super) printer: Printer,
}

impl Desk {
    pub(super) fn new(home: Home, printer: Printer) -> Self {
        Self { home, printer }
    }

    /// Asks; each row of a list is said as a value, or as what `text` makes of it.
    pub(super) fn ask_rows(
        &mut self,
        request: &Request,
        mut text: impl FnMut(&Value) -> String,
    ) -> anyhow::Result<Value> {
        let Self { home, printer } = self;
        let mut failed: Option<PrintError> = None;
        let result = ask(home, request, |row| {
            if failed.is_none() {
                let said = if printer.json() { printer.value(&row) } else { printer.text(text(&row)) };
                failed = said.err();
            }
            failed.is_none()
        });
        match failed {
            Some(error) => Err(error.into()),
            None => result,
        }
    }

    /// Asks for a list; writes `first`, then each row as the line that `line` makes of it, in either form.
    pub(super) fn ask_lines(
        &mut self,
        request: &Request,
        first: Option<String>,
        line: impl Fn(&Value) -> String,
    ) -> anyhow::Result<()> {
        let Self { home, printer } = self;
        let mut failed: Option<PrintError> = first.and_then(|first| printer.line(&first).err());
        let result = ask(home, request, |row| {
            if failed.is_none() {
                failed = printer.line(&line(&row)).err();
            }
            failed.is_none()
        });
        match failed {
            Some(error) => Err(error.into()),
            None => result.map(drop),
        }
    }

    /// Asks what is answered in one value.
    pub(super) fn ask(&mut self, request: &Request) -> anyhow::Result<Value> {
        ask(&self.home, request, |_| true)
    }

    /// Asks, and says the answer as a value, or as what `text` makes of it.
    pub(super) fn say(
        &mut self,
        request: &Request,
        text: impl FnOnce(&Value) -> String,
    ) -> anyhow::Result<()> {
        let value = self.ask(request)?;
        self.printer.value(&value)?;
        if !self.printer.json() {
            self.printer.text(text(&value))?;
        }
        Ok(())
    }
}

/// Asks the hub of `home`; rows of a list go to `each`, which says whether it wants more.
pub(super) fn ask(
    home: &Home,
    request: &Request,
    mut each: impl FnMut(Value) -> bool,
) -> anyhow::Result<Value> {
    match reach(home, LOCK_PATIENCE).map_err(busy)? {
        Reached::Alone(_lock) => Hub::open(home)?.answer(Clock::start().now(), request, &mut each),
        Reached::Through(mut client) => {
            let called = client.call(request, |row| {
                each(row);
            });
            called.map_err(|error| match error {
                CallError::Failed(failure) => failure.into(),
                CallError::Lost(source) => {
                    Failure::new(format!("the hub that is running went away: {source}"))
                        .next("see whether it did what was asked, and give the command again")
                        .into()
                }
                error @ (CallError::TooLong { .. } | CallError::Json(_)) => anyhow::Error::new(error),
            })
        }
    }
}

/// What to do about a home that another program keeps.
pub(super) fn busy(error: LockError) -> anyhow::Error {
    match error {
        LockError::Busy { .. } => {
            Failure::new(error.to_string()).next("wait until it is done, or stop it, and try again").into()
        }
        LockError::Io { .. } => error.into(),
    }
}

/// A text member of an answer, empty where there is none.
pub(super) fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    value[member].as_str().unwrap_or("")
}
