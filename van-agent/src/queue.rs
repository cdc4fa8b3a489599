//! The queue, asked of the holder of the store.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::{
    store::{
        StoreError,
        queue::{self, Class, Ticket, TicketState},
    },
    time::Now,
};

use crate::{
    agent::{Agent, not_enrolled, said},
    host::output::Failure,
};

/// What is done with the queue of today.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueueAct {
    /// Draw a ticket of a class.
    Take(String),
    /// Call the next one, of a class or of all.
    Call(Option<String>),
    /// Note what has become of a ticket: the ticket, of today or after its day and a slash, and the state.
    Set(String, String),
    /// List who was not served and comes first at the next visit: an event each.
    WaitingList,
    /// List the tickets: an event each.
    List,
}

impl Agent {
    pub(crate) fn queue(
        &mut self,
        now: Now,
        act: &QueueAct,
        each: &mut dyn FnMut(Value) -> bool,
    ) -> Result<Value, Failure> {
        let day = now.wall.day(self.offset_minutes()).to_string();
        let class = |text: &str| text.parse::<Class>().map_err(said);
        let asked = match act {
            QueueAct::List => {
                let tickets = queue::all(self.read()?, &day).map_err(said)?;
                let waiting = tickets.iter().filter(|ticket| ticket.state == TicketState::Waiting).count();
                let count = tickets.len();
                for ticket in tickets {
                    each(json!(ticket));
                }
                return Ok(json!({"tickets": count, "waiting": waiting, "date": day}));
            }
            QueueAct::WaitingList => {
                let tickets = queue::waiting_list(self.read()?, &day).map_err(said)?;
                let count = tickets.len();
                for ticket in tickets {
                    each(json!(ticket));
                }
                return Ok(json!({"waiting_list": count, "date": day}));
            }
            QueueAct::Take(text) => {
                let (class, place) = (class(text)?, self.replica().station().place.clone());
                let letter = place.ok_or_else(not_enrolled)?.letter;
                self.keep(|tx| queue::take(tx, &day, class, &letter, now.wall).map(Some))?
            }
            QueueAct::Call(text) => {
                let class = text.as_deref().map(class).transpose()?;
                let called = self.keep(|tx| queue::call(tx, &day, class, now.wall))?;
                return called
                    .map(|ticket| json!(ticket))
                    .ok_or_else(|| Failure::new("nobody waits").why("no-ticket").missing());
            }
            QueueAct::Set(ticket, state) => {
                let state = state.parse().map_err(said)?;
                let (day, ticket) = ticket.split_once('/').unwrap_or((&day, ticket));
                self.keep(|tx| queue::set(tx, day, ticket, state, now.wall))?
            }
        };
        let unknown = || {
            Failure::new("there is no such ticket today")
                .why("no-ticket")
                .next("see `van-agent queue list`")
                .missing()
        };
        asked.map(|ticket| json!(ticket)).ok_or_else(unknown)
    }

    /// Puts who was not served on the waiting list; how many those are.
    pub(crate) fn postpone_queue(&mut self, now: Now) -> Result<usize, Failure> {
        let day = now.wall.day(self.offset_minutes()).to_string();
        self.replica_mut().keep(|tx, _| queue::postpone(tx, &day, now.wall)).map_err(said)
    }

    /// How many of today's tickets stand at each state, how many of each class wait, and who is on the waiting list.
    pub(crate) fn tickets(&mut self, now: Now) -> Result<Value, Failure> {
        let day = now.wall.day(self.offset_minutes()).to_string();
        let tx = self.read()?;
        let mut counts = serde_json::Map::new();
        let drawn = queue::all(tx, &day).map_err(said)?;
        for state in TicketState::ALL {
            let count = drawn.iter().filter(|ticket| ticket.day == day && ticket.state == *state).count();
            counts.insert(state.to_string(), json!(count));
        }
        let waits = |class: Class| {
            let of_class = |ticket: &&Ticket| ticket.class == class && ticket.state == TicketState::Waiting;
            (class.to_string(), json!(drawn.iter().filter(of_class).count()))
        };
        let classes: serde_json::Map<_, _> = Class::ALL.iter().copied().map(waits).collect();
        counts.insert("classes".to_owned(), json!(classes));
        let waiting_list = queue::waiting_list(tx, &day).map_err(said)?;
        counts.insert("drawn".to_owned(), json!(drawn.iter().filter(|ticket| ticket.day == day).count()));
        counts.insert("waiting_list".to_owned(), json!(waiting_list));
        Ok(Value::Object(counts))
    }

    fn keep(
        &mut self,
        work: impl FnOnce(shared::store::Tx<'_>) -> Result<Option<Ticket>, StoreError>,
    ) -> Result<Option<Ticket>, Failure> {
        self.replica_mut().keep(|tx, _| work(tx)).map_err(said)
    }
}
