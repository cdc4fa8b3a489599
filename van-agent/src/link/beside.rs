//! A second connection beside one that an outage has struck.
//!
//! QUIC doubles the pauses between its probes, so that a standing connection may wait long after an outage has
//! ended. Where something sent has had no answer for [`UNANSWERED`], the hub is dialled anew every few seconds, and
//! the first connection to come about takes over: the hub keeps the newest of a laptop, and what was half sent goes
//! on at the byte. Of the old one a single packet ends the dialling.

use std::{future::pending, time::Duration};

use shared::identity::ticket::Address;
use tokio::time::{Instant, interval, sleep_until, timeout_at};

use crate::host::{
    dial::{Caller, Dialled, Patience, dial},
    quic,
    wire::Pulse,
};

/// So long nothing is heard though something was sent. On the slowest link that this is made for an acknowledgement
/// behind a full queue takes half of it, and while a queue drains others come all the time.
const UNANSWERED: Duration = Duration::from_secs(5);
/// A dial is begun anew after so long; within it QUIC sends its first packet twice.
const AGAIN: Duration = Duration::from_secs(4);
/// How often it is looked, and after how long what was heard last has been acknowledged.
const POLL: Duration = Duration::from_millis(250);
const ACKNOWLEDGED: Duration = Duration::from_millis(500);

/// Returns a connection that came about while the one with this `pulse` was silent, with the endpoint that it is on.
pub(super) async fn another(pulse: &Pulse, caller: &Caller, addresses: &[Address]) -> (Caller, Dialled) {
    loop {
        let beats = unanswered(pulse).await;
        tracing::info!("no answer: dial anew beside the link");
        tokio::select! {
            found = dial_again(caller, addresses) => return found,
            () = beaten(pulse, beats) => tracing::info!("the link lives again"),
        }
    }
}

/// Returns the beats so far once something sent has had no answer for [`UNANSWERED`]. Over TCP the system does not
/// tell what was sent again, and nothing is awaited.
async fn unanswered(pulse: &Pulse) -> u64 {
    let mut polls = interval(POLL);
    let (mut beats, mut heard) = (pulse.beats(), Instant::now());
    // How much was sent when all that was heard had been acknowledged, and since when more was.
    let (mut sent, mut since) = (None, None);
    loop {
        polls.tick().await;
        let Some(sent_now) = pulse.sent() else { return pending().await };
        if pulse.beats() != beats {
            (beats, heard, sent, since) = (pulse.beats(), Instant::now(), None, None);
            continue;
        }
        if heard.elapsed() < ACKNOWLEDGED || sent_now <= *sent.get_or_insert(sent_now) {
            continue;
        }
        let since: &mut Instant = since.get_or_insert_with(Instant::now);
        if since.elapsed() >= UNANSWERED {
            return beats;
        }
    }
}

/// Returns once the pulse has beaten again.
async fn beaten(pulse: &Pulse, beats: u64) {
    let mut polls = interval(POLL);
    while pulse.beats() == beats {
        polls.tick().await;
    }
}

async fn dial_again(caller: &Caller, addresses: &[Address]) -> (Caller, Dialled) {
    loop {
        let until = Instant::now() + AGAIN;
        // A laptop's endpoint has one connection, known by the hub's address.
        match quic::van_endpoint(&caller.meter) {
            Ok(endpoint) => {
                let caller = Caller { endpoint, ..caller.clone() };
                let dialling = dial(&caller, addresses, Patience::from(2 * AGAIN));
                if let Ok(Ok(dialled)) = timeout_at(until, dialling).await {
                    return (caller, dialled);
                }
            }
            Err(error) => tracing::debug!(%error, "take another port"),
        }
        sleep_until(until).await;
    }
}
