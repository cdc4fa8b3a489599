//! A second thread for what needs no store: reading batches and making rows while the owner's thread is at the store.

use std::{
    num::NonZero,
    sync::mpsc::{self, Sender},
    thread,
};

use shared::{
    aside::{Aside, Work},
    store::Store,
};

/// The thread; it ends with this.
#[derive(Debug)]
struct Spare {
    works: Sender<Work>,
}

impl Spare {
    /// Starts it; `None` where the system gives no thread.
    fn start() -> Option<Self> {
        let (works, todo) = mpsc::channel::<Work>();
        let work = move || todo.into_iter().for_each(|work| work());
        thread::Builder::new().name("spare".to_owned()).spawn(work).ok()?;
        Some(Self { works })
    }
}

impl Aside for Spare {
    fn take(&self, work: Work) {
        // Where the thread has ended, the owner's does all by itself.
        drop(self.works.send(work));
    }
}

/// Gives a store a spare thread, where the machine has a second processor for it.
pub fn lend(store: &mut Store) {
    if thread::available_parallelism().is_ok_and(|count| count > NonZero::<usize>::MIN)
        && let Some(spare) = Spare::start()
    {
        store.set_aside(Box::new(spare));
    }
}
