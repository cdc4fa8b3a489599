//! The queue of a day: tickets by class, numbered by this laptop, never renumbered. It stays on this laptop.

use std::{fmt, str::FromStr};

use rusqlite::{OptionalExtension, Row, params};
use serde::Serialize;

use super::{Result, Tx};
use crate::time::Timestamp;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $error:ident, $what:literal: $($(#[$inner:meta])* $variant:ident = $text:literal,)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$inner])* $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The word that the store and commands use.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        /// A text that names none.
        #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
        #[error("`{text}` is not {}{}", $what, concat!($(" ", $text),*))]
        pub struct $error {
            /// What was given, cut to 64 characters.
            pub text: String,
        }

        impl FromStr for $name {
            type Err = $error;

            fn from_str(text: &str) -> Result<Self, $error> {
                Self::ALL.iter().copied().find(|word| word.as_str() == text)
                    .ok_or_else(|| $error { text: text.chars().take(64).collect() })
            }
        }
    };
}

words! {
    /// Who waits for what; the letter on paper follows from it.
    Class, ParseClassError, "a class of the queue; one of":
    /// Everybody.
    General = "general",
    /// Elderly people, people with a disability, mothers with small children.
    Priority = "priority",
    /// Who collects a product.
    Collect = "collect",
}

words! {
    /// What has become of a ticket.
    TicketState, ParseTicketStateError, "a state of a ticket; one of":
    /// Not called yet.
    Waiting = "waiting",
    /// Called now.
    Called = "called",
    /// Called, and nobody came; may be called again.
    Skipped = "skipped",
    /// Served.
    Served = "served",
    /// Gone home unserved.
    Left = "left",
    /// Not served when the day was closed: first at the next visit.
    Postponed = "postponed",
}

impl Class {
    /// The letter that a ticket begins with.
    pub fn letter(self) -> char {
        match self {
            Self::General => 'A',
            Self::Priority => 'B',
            Self::Collect => 'C',
        }
    }
}

/// A number in the queue.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Ticket {
    /// As on paper: `A-A017`, the class, the laptop's letter and the number.
    pub ticket: String,
    /// The local day on which it was drawn.
    pub day: String,
    /// The class.
    pub class: Class,
    /// What has become of it.
    pub state: TicketState,
    /// When that was.
    #[serde(skip)]
    pub at: Timestamp,
}

fn ticket(row: &Row<'_>) -> rusqlite::Result<Ticket> {
    let (class, state): (String, String) = (row.get(1)?, row.get(2)?);
    let unread =
        |column| rusqlite::Error::InvalidColumnType(column, "word".to_owned(), rusqlite::types::Type::Text);
    Ok(Ticket {
        ticket: row.get(0)?,
        class: class.parse().map_err(|_| unread(1))?,
        state: state.parse().map_err(|_| unread(2))?,
        at: Timestamp(row.get(3)?),
        day: row.get(4)?,
    })
}

const TICKET: &str = "SELECT ticket, class, state, at, day FROM queue";

/// Draws the next ticket of a class, on the local `day`, for the laptop of this letter.
///
/// # Errors
/// The store fails.
pub fn take(tx: Tx<'_>, day: &str, class: Class, letter: &str, now: Timestamp) -> Result<Ticket> {
    let number: u32 = tx
        .prepare_cached("SELECT coalesce(max(number), 0) + 1 FROM queue WHERE day = ?1 AND class = ?2")?
        .query_row(params![day, class.as_str()], |row| row.get(0))?;
    let text = format!("{}-{letter}{number:03}", class.letter());
    tx.prepare_cached(
        "INSERT INTO queue (day, class, number, ticket, state, at) VALUES (?1, ?2, ?3, ?4, 'waiting', ?5)",
    )?
    .execute(params![day, class.as_str(), number, text, now.0])?;
    Ok(Ticket { ticket: text, day: day.to_owned(), class, state: TicketState::Waiting, at: now })
}

/// Calls the next one of a class, or of all: those of the waiting list first, then priority before the others, then in
/// the order of their numbers; who did not come comes after those who were never called.
///
/// # Errors
/// The store fails.
pub fn call(tx: Tx<'_>, day: &str, class: Option<Class>, now: Timestamp) -> Result<Option<Ticket>> {
    let next = tx
        .prepare_cached(&format!(
            "{TICKET} WHERE (day = ?1 AND state IN ('waiting', 'skipped') OR day <= ?1 AND state = 'postponed')
                 AND (?2 IS NULL OR class = ?2)
             ORDER BY state <> 'postponed', state = 'skipped', class <> 'priority', day, at, number LIMIT 1"
        ))?
        .query_row(params![day, class.map(Class::as_str)], ticket)
        .optional()?;
    match next {
        Some(next) => set(tx, &next.day, &next.ticket, TicketState::Called, now),
        None => Ok(None),
    }
}

/// Notes what has become of a ticket, as it stands then; `None` where there is none. One that was served, or whose
/// holder has left, stays so.
///
/// # Errors
/// The store fails.
pub fn set(tx: Tx<'_>, day: &str, text: &str, state: TicketState, now: Timestamp) -> Result<Option<Ticket>> {
    tx.prepare_cached(
        "UPDATE queue SET state = ?3, at = ?4
         WHERE day = ?1 AND ticket = ?2 AND state NOT IN ('served', 'left')",
    )?
    .execute(params![day, text, state.as_str(), now.0])?;
    Ok(tx
        .prepare_cached(&format!("{TICKET} WHERE day = ?1 AND ticket = ?2"))?
        .query_row(params![day, text], ticket)
        .optional()?)
}

/// Puts who was not served on `day`, or before, on the waiting list; how many those are.
///
/// # Errors
/// The store fails.
pub fn postpone(tx: Tx<'_>, day: &str, now: Timestamp) -> Result<usize> {
    Ok(tx
        .prepare_cached(
            "UPDATE queue SET state = 'postponed', at = ?2
             WHERE day <= ?1 AND state IN ('waiting', 'called', 'skipped')",
        )?
        .execute(params![day, now.0])?)
}

/// The waiting list: whoever was drawn a ticket, up to `day`, and is to be served at the next visit; the longest
/// waiting first, priority before the others of a day.
///
/// # Errors
/// The store fails.
pub fn waiting_list(tx: Tx<'_>, day: &str) -> Result<Vec<Ticket>> {
    let mut statement = tx.prepare_cached(&format!(
        "{TICKET} WHERE day <= ?1 AND state = 'postponed' ORDER BY day, class <> 'priority', class, number"
    ))?;
    let rows = statement.query_map([day], ticket)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The tickets of a day by class and number, and those of earlier days that are called.
///
/// # Errors
/// The store fails.
pub fn all(tx: Tx<'_>, day: &str) -> Result<Vec<Ticket>> {
    let mut statement = tx.prepare_cached(&format!(
        "{TICKET} WHERE day = ?1 OR day < ?1 AND state = 'called' ORDER BY day, class, number"
    ))?;
    let rows = statement.query_map([day], ticket)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Store, StoreError};

    #[test]
    fn priority_goes_first_and_who_did_not_come_last() {
        let folder = tempfile::tempdir().expect("there is room");
        let path = folder.path().join("a");
        let mut store = Store::open(&path).expect("opens");
        let day = "2026-11-20";
        let at = Timestamp;
        store
            .commit(|tx| {
                for (class, at) in [(Class::General, 1), (Class::General, 2), (Class::Priority, 3)] {
                    take(tx, day, class, "A", Timestamp(at))?;
                }
                let called =
                    |now| Ok::<_, StoreError>(call(tx, day, None, at(now))?.map(|ticket| ticket.ticket));
                assert_eq!(called(4)?.as_deref(), Some("B-A001"));
                assert_eq!(called(5)?.as_deref(), Some("A-A001"));
                set(tx, day, "A-A001", TicketState::Skipped, at(6))?;
                assert_eq!(called(7)?.as_deref(), Some("A-A002"));
                assert_eq!(called(8)?.as_deref(), Some("A-A001"));
                assert_eq!(called(9)?, None);
                assert_eq!(set(tx, day, "Z-Z999", TicketState::Served, at(9))?, None);
                Ok::<_, StoreError>(())
            })
            .expect("kept");
        drop(store);
        let mut store = Store::open(&path).expect("opens again");
        store
            .commit(|tx| {
                let next = take(tx, day, Class::General, "A", at(10))?;
                assert_eq!(next.ticket, "A-A003", "a number on paper is never given twice");
                assert_eq!(take(tx, "2026-11-21", Class::General, "A", at(11))?.ticket, "A-A001");
                assert_eq!(all(tx, day)?.len(), 4);
                Ok::<_, StoreError>(())
            })
            .expect("kept");
    }

    #[test]
    fn who_was_not_served_is_first_at_the_next_visit() {
        let folder = tempfile::tempdir().expect("there is room");
        let mut store = Store::open(&folder.path().join("a")).expect("opens");
        let (day, next, at) = ("2026-11-20", "2026-11-27", Timestamp);
        store
            .commit(|tx| {
                for class in [Class::General, Class::General, Class::Priority, Class::General] {
                    take(tx, day, class, "A", at(1))?;
                }
                set(tx, day, "A-A001", TicketState::Served, at(2))?;
                set(tx, day, "A-A002", TicketState::Skipped, at(2))?;
                assert_eq!(postpone(tx, day, at(3))?, 3);
                assert_eq!(postpone(tx, day, at(4))?, 0);
                let waiting = |day| -> Result<Vec<String>> {
                    Ok(waiting_list(tx, day)?.into_iter().map(|ticket| ticket.ticket).collect())
                };
                assert_eq!(waiting(day)?, ["B-A001", "A-A002", "A-A003"]);
                let same_day = call(tx, day, None, at(5))?.expect("another visit of the same day");
                assert_eq!((same_day.ticket.as_str(), same_day.day.as_str()), ("B-A001", day));
                assert_eq!(postpone(tx, day, at(5))?, 1);
                take(tx, next, Class::Priority, "A", at(6))?;
                let called = call(tx, next, None, at(7))?.expect("somebody waits");
                assert_eq!((called.ticket.as_str(), called.day.as_str()), ("B-A001", day));
                assert!(all(tx, next)?.contains(&called), "who is called is seen");
                set(tx, day, "B-A001", TicketState::Served, at(8))?;
                assert_eq!(waiting(next)?, ["A-A002", "A-A003"]);
                Ok::<_, StoreError>(())
            })
            .expect("kept");
    }

    #[test]
    fn words_are_read_and_written() {
        for class in Class::ALL {
            assert_eq!(class.as_str().parse(), Ok(*class));
        }
        let error = "vip".parse::<Class>().expect_err("no class").to_string();
        assert_eq!(error, "`vip` is not a class of the queue; one of general priority collect");
    }
}
