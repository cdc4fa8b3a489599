//! Work that needs nothing but what it is given, and so may be done beside the owner's thread.
//!
//! **Invariant:** results do not depend on who does the work, nor when: what nobody has begun is done where its result
//! is asked for. Whoever has a thread to spare lends it as an [`Aside`]; here are none.

use std::{
    fmt,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

/// A piece of work.
pub type Work = Box<dyn FnOnce() + Send>;

/// Somebody who does work meanwhile.
pub trait Aside: fmt::Debug + Send + Sync {
    /// Takes a piece of work; may drop it, where it cannot be done.
    fn take(&self, work: Work);
}

/// Has what nobody needs any more freed by `aside`, where there is somebody: of much that takes a while.
pub fn free(aside: Option<&dyn Aside>, what: impl Send + 'static) {
    if let Some(aside) = aside {
        aside.take(Box::new(move || drop(what)));
    }
}

/// The result of a piece of work, once it is asked for.
pub struct Promised<T>(Arc<Slot<T>>);

struct Slot<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

enum State<T> {
    Open(Box<dyn FnOnce() -> T + Send>),
    Begun,
    Done(T),
    /// Given away; or whoever had begun panicked.
    Gone,
}

impl<T> fmt::Debug for Promised<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Promised").finish_non_exhaustive()
    }
}

impl<T: Send + 'static> Promised<T> {
    /// Has `work` done by `aside` where there is somebody.
    pub fn new(aside: Option<&dyn Aside>, work: impl FnOnce() -> T + Send + 'static) -> Self {
        let state = Mutex::new(State::Open(Box::new(work)));
        let slot = Arc::new(Slot { state, changed: Condvar::new() });
        if let Some(aside) = aside {
            let theirs = Arc::clone(&slot);
            aside.take(Box::new(move || theirs.work()));
        }
        Self(slot)
    }

    /// The result: waited for where somebody is at it, made here where nobody is.
    ///
    /// # Panics
    /// The work panicked.
    pub fn get(self) -> T {
        self.0.work();
        let mut state = self.0.state();
        while matches!(*state, State::Begun) {
            state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        match std::mem::replace(&mut *state, State::Gone) {
            State::Done(result) => result,
            State::Open(_) | State::Begun | State::Gone => panic!("the work panicked where it was done"),
        }
    }
}

impl<T> Slot<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does the work, where nobody has begun it.
    fn work(&self) {
        let mut state = self.state();
        if !matches!(*state, State::Open(_)) {
            return;
        }
        let State::Open(work) = std::mem::replace(&mut *state, State::Begun) else { return };
        drop(state);
        let left = Left(self);
        let result = work();
        *self.state() = State::Done(result);
        drop(left);
    }
}

/// Tells who waits that the work is left, done or not.
struct Left<'a, T>(&'a Slot<T>);

impl<T> Drop for Left<'_, T> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        if matches!(*state, State::Begun) {
            *state = State::Gone;
        }
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keeps the work until it is told to do it.
    #[derive(Default)]
    struct Later(Mutex<Vec<Work>>);

    impl fmt::Debug for Later {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Later")
        }
    }

    impl Aside for Later {
        fn take(&self, work: Work) {
            self.0.lock().expect("nobody panicked").push(work);
        }
    }

    impl Later {
        fn do_all(&self) {
            let all = std::mem::take(&mut *self.0.lock().expect("nobody panicked"));
            all.into_iter().for_each(|work| work());
        }
    }

    #[test]
    fn work_is_done_once_whoever_does_it() {
        let (later, count) = (Later::default(), Arc::new(Mutex::new(0)));
        let promise = |aside| {
            let count = Arc::clone(&count);
            Promised::new(aside, move || {
                let mut count = count.lock().expect("nobody panicked");
                *count += 1;
                *count
            })
        };
        assert_eq!(promise(None).get(), 1);
        let (asked_before, asked_after) = (promise(Some(&later as &dyn Aside)), promise(Some(&later)));
        assert_eq!(asked_before.get(), 2);
        later.do_all();
        assert_eq!(asked_after.get(), 3);
        assert_eq!(*count.lock().expect("nobody panicked"), 3);
    }

    #[test]
    fn who_panics_leaves_nobody_waiting() {
        let later = Later::default();
        let promised: Promised<()> = Promised::new(Some(&later), || panic!("as the test has it"));
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| later.do_all()));
        assert!(panicked.is_err());
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| promised.get())).is_err());
    }
}
