//! Gets a command to whoever holds the store: to itself where nobody does, else over the control channel.

use serde_json::Value;
use shared::{sync::Replica, time::Now};

use crate::{
    agent::Agent,
    carry::{self, CarryAct, Store},
    host::{
        control::{CallError, Client, Control, Reached, reach},
        home::{Home, LOCK_PATIENCE, Lock},
        machine::Clock,
        output::Failure,
        owner::Owner,
    },
    request::Request,
    start::{self, StartError},
};

/// The way to the store.
#[derive(Debug)]
pub enum Access {
    /// This process holds it.
    Own(Box<Own>),
    /// Another one holds it and listens.
    Other(Client),
}

/// The store in this process.
#[derive(Debug)]
pub struct Own {
    agent: Agent,
    clock: Clock,
    _lock: Lock,
}

/// The store in this process, on a thread that also serves others.
#[derive(Debug)]
pub struct Serving {
    /// The thread.
    pub owner: Owner<Agent>,
    control: Control,
    lock: Lock,
}

impl Store for Own {
    fn run<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Agent, Now) -> T + Send + 'static,
    ) -> Result<T, Failure> {
        Ok(work(&mut self.agent, self.clock.now()))
    }
}

impl Access {
    /// Gets at `home`, waiting for up to ten seconds where somebody holds it without listening.
    ///
    /// # Errors
    /// Somebody kept it, or the store cannot be opened.
    pub fn open(home: &Home) -> anyhow::Result<Self> {
        match reach(home, LOCK_PATIENCE)? {
            Reached::Through(client) => Ok(Self::Other(client)),
            Reached::Alone(lock) => {
                let replica = start::open(home).map_err(|error| error.told(home))?;
                let agent = Agent::new(replica, home.clone());
                Ok(Self::Own(Box::new(Own { agent, clock: Clock::start(), _lock: lock })))
            }
        }
    }

    /// Asks, handing what comes before the answer to `each`.
    ///
    /// # Errors
    /// What the holder says, or it went away.
    pub fn ask(&mut self, request: Request, each: &mut dyn FnMut(Value) -> bool) -> Result<Value, Failure> {
        match self {
            Self::Own(own) => {
                if let Request::Carry { act: CarryAct::File(act) } = &request {
                    return carry::work_with_file(&mut **own, act);
                }
                own.agent.execute(own.clock.now(), request, each)
            }
            Self::Other(client) => call(client, &request, each),
        }
    }
}

/// Asks the process at the other end of `client`.
///
/// # Errors
/// What it says, or it went away.
pub fn call(
    client: &mut Client,
    request: &Request,
    each: &mut dyn FnMut(Value) -> bool,
) -> Result<Value, Failure> {
    let answer = client.call(request, |event| {
        each(event);
    });
    answer.map_err(|error| match error {
        CallError::Failed(failure) => failure,
        lost @ CallError::Lost(_) => Failure::new(lost.to_string()).next("give the command again"),
        other @ (CallError::TooLong { .. } | CallError::Json(_)) => Failure::new(other.to_string()),
    })
}

impl Serving {
    /// Holds `replica`, the store of `home`, whose lock is `lock`, on a thread of its own that serves others over
    /// the control channel.
    ///
    /// # Errors
    /// The store cannot be opened, or there is no port on loopback.
    pub fn begin(
        home: &Home,
        lock: Lock,
        replica: Result<Replica, StartError>,
        prepare: impl FnOnce(&mut Agent),
        on_event: impl FnMut(shared::sync::Event) + Send + 'static,
    ) -> anyhow::Result<Self> {
        let replica = replica.map_err(|error| error.told(home))?;
        let mut agent = Agent::new(replica, home.clone());
        prepare(&mut agent);
        let owner = Owner::spawn(agent, Clock::start(), on_event)?;
        let handle = owner.handle().clone();
        let control = Control::serve(home, &lock, move |call| carry::pass_on(&handle, call).is_ok())?;
        Ok(Self { owner, control, lock })
    }

    /// Lets go of everything, the callers first and the lock last.
    pub fn end(self) {
        drop(self.finish());
    }

    /// The same, giving back what the thread held.
    pub fn finish(self) -> Agent {
        let Self { owner, control, lock } = self;
        drop(control);
        let agent = owner.stop();
        drop(lock);
        agent
    }
}
