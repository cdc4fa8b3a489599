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
    /// Note what has become of a ticket: the ticket, and the state.
    Set(String, String),
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
                    .ok_or_else(|| Failure::new("nobody waits").missing());
            }
            QueueAct::Set(ticket, state) => {
                let state = state.parse().map_err(said)?;
                self.keep(|tx| queue::set(tx, &day, ticket, state, now.wall))?
            }
        };
        let unknown =
            || Failure::new("there is no such ticket today").next("see `van-agent queue list`").missing();
        asked.map(|ticket| json!(ticket)).ok_or_else(unknown)
    }

    fn keep(
        &mut self,
        work: impl FnOnce(shared::store::Tx<'_>) -> Result<Option<Ticket>, StoreError>,
    ) -> Result<Option<Ticket>, Failure> {
        self.replica_mut().keep(|tx, _| work(tx)).map_err(said)
    }
}
