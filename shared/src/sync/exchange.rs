//! The conversation: what each frame is for, on either side of a connection, and how a connection ends.

use super::{
    Channel, CloseCode, Event, PeerId, Replica, Role,
    rates::Measure,
    session::{CREDIT_BYTES, Phase},
};
use crate::{store::StoreError, time::Now, wire::Frame};

/// Bytes of one stream that may wait for the rest of their frame, or for the greeting.
const HELD_BYTES_MAX: usize = 2 * CREDIT_BYTES as usize;

/// Why a connection cannot go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("the database failed: try again later")]
    Store(#[from] StoreError),
    #[error("{1}")]
    Peer(CloseCode, String),
}

pub(super) fn fault(code: CloseCode, reason: impl Into<String>) -> Fault {
    Fault::Peer(code, reason.into())
}

pub(super) fn protocol(reason: impl Into<String>) -> Fault {
    fault(CloseCode::Protocol, reason)
}

impl Replica {
    /// Takes bytes of a stream. Bytes of a batch can overtake the greeting: they wait until it is done.
    pub(super) fn received(&mut self, now: Now, peer: PeerId, channel: Channel, bytes: &[u8]) {
        if let Err(error) = self.count(now, peer, Measure::Bytes, bytes.len() as u64) {
            return self.fail(peer, error);
        }
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        if session.push(channel, bytes) > HELD_BYTES_MAX {
            self.close(peer, CloseCode::Limit, "more bytes at once than allowed".to_owned());
            return;
        }
        for channel in [Channel::Control, Channel::Batch, Channel::Attachment] {
            self.frames(now, peer, channel, bytes);
        }
    }

    fn frames(&mut self, now: Now, peer: PeerId, channel: Channel, bytes: &[u8]) {
        while let Some(session) = self.sessions.get_mut(&peer) {
            if channel != Channel::Control && session.phase != Phase::Linked {
                return;
            }
            let outcome = match session.poll(channel) {
                Ok(None) => return,
                Ok(Some(frame)) => match self.count(now, peer, Measure::Frames, 1) {
                    Ok(()) => self.frame(now, peer, channel, frame),
                    Err(error) => Err(error),
                },
                Err(error) => {
                    let device = session.device;
                    self.keep_debris(now, device, &error.to_string(), bytes);
                    Err(protocol(error.to_string()))
                }
            };
            if let Err(error) = outcome {
                self.fail(peer, error);
                return;
            }
        }
    }

    pub(super) fn fail(&mut self, peer: PeerId, fault: Fault) {
        match fault {
            Fault::Peer(code, reason) => self.close(peer, code, reason),
            Fault::Store(error) => {
                let full = matches!(error, StoreError::Full);
                let error = &error as &dyn std::error::Error;
                if full && self.station.hub {
                    // No van can hand over until somebody makes room.
                    tracing::error!(error, "store what a laptop sent");
                } else {
                    tracing::warn!(error, "store what a peer sent");
                }
                let reason =
                    if full { "the disk is full, nothing more can be stored" } else { "the database failed" };
                self.close(peer, CloseCode::Internal, reason.to_owned());
            }
        }
    }

    pub(super) fn frame(
        &mut self,
        now: Now,
        peer: PeerId,
        channel: Channel,
        frame: Frame,
    ) -> Result<(), Fault> {
        // What it handed over before counts for what it says now.
        if self.has_arrived(peer) && !matches!(frame, Frame::BatchStart { .. } | Frame::BatchData(_)) {
            self.take_arrived();
        }
        let Some(session) = self.sessions.get(&peer) else { return Ok(()) };
        let (role, phase) = (session.role, session.phase);
        match (role, phase, channel, frame) {
            (_, _, _, Frame::Skipped(_)) => Ok(()),
            (_, _, Channel::Control | Channel::Attachment, Frame::Attachment(message)) => {
                self.take_attachment(now, peer, channel, message)
            }
            (_, Phase::Linked, Channel::Batch, Frame::BatchStart { log, digest, total, offset }) => {
                self.batch_start(peer, log, digest, total, offset)
            }
            (_, Phase::Linked, Channel::Batch, Frame::BatchData(data)) => self.batch_data(now, peer, &data),
            (_, _, Channel::Batch | Channel::Attachment, _) => {
                Err(protocol("that frame does not belong on this stream"))
            }
            (Role::Parent, Phase::Greeting, _, Frame::Enrol(enrol)) => self.take_enrol(now, peer, &enrol),
            (Role::Parent, Phase::Greeting | Phase::Linked, _, Frame::Hello(hello)) => {
                self.take_hello(now, peer, &hello)
            }
            (Role::Child, Phase::Enrolling, _, Frame::Enrolled(enrolled)) => {
                self.take_enrolled(now, peer, enrolled)
            }
            (Role::Child, Phase::Asking, _, Frame::Welcome(welcome)) => {
                self.take_welcome(now, peer, &welcome)
            }
            (Role::Child, Phase::Linked, _, Frame::Receipt(receipt)) => self.take_receipt(peer, &receipt),
            (Role::Child, Phase::Linked, _, Frame::Delivered(delivered)) => {
                self.take_delivered(now, peer, &delivered)
            }
            (Role::Parent, Phase::Linked, _, Frame::FeedAck { cursor }) => self.take_feed_ack(peer, cursor),
            // Said to an earlier life of this laptop, before the hub knew of the new one.
            (
                Role::Child,
                Phase::Asking,
                Channel::Control,
                Frame::Receipt(_)
                | Frame::Credit(_)
                | Frame::CaughtUp { .. }
                | Frame::Reconcile(_)
                | Frame::Delivered(_),
            ) => Ok(()),
            (_, Phase::Linked, _, Frame::Credit(bytes)) => {
                self.take_credit(peer, bytes);
                // The last of what is carried may have been found damaged.
                if role == Role::Child { self.settle(peer) } else { Ok(()) }
            }
            (Role::Child, _, _, Frame::GoAway { retry_after }) => {
                self.event(Event::GoAway { peer, retry_after });
                Ok(())
            }
            (Role::Child, Phase::Linked, _, Frame::CaughtUp { feed, durable }) => {
                self.take_caught_up(peer, feed, durable)
            }
            (Role::Parent, Phase::Linked, _, Frame::Reconcile(step)) => self.answer_reconcile(peer, &step),
            (Role::Child, Phase::Linked, _, Frame::Reconcile(step)) => self.step_reconcile(peer, &step),
            (Role::Parent, Phase::Linked, _, Frame::Lacks { hashes, returned }) => {
                self.take_lacks(now, peer, hashes, returned)
            }
            (Role::Parent, _, _, Frame::Bye) => self.take_bye(peer),
            (_, _, _, _) => Err(protocol("a frame that is not due")),
        }
    }

    fn take_credit(&mut self, peer: PeerId, bytes: u64) {
        if let Some(session) = self.sessions.get_mut(&peer) {
            session.sending.credit = session.sending.credit.saturating_add(bytes).min(16 * CREDIT_BYTES);
        }
        self.pump(peer);
    }

    fn take_caught_up(&mut self, peer: PeerId, feed: u64, durable: u64) -> Result<(), Fault> {
        if let Some(session) = self.sessions.get_mut(&peer) {
            session.caught_up = Some((feed, durable));
        }
        if let Some(hub) = self.station.feed_epoch {
            self.conclude_repair(hub)?;
        }
        self.settle(peer)
    }

    fn take_bye(&mut self, peer: PeerId) -> Result<(), Fault> {
        if let Some(standing) = self.sessions.get(&peer).and_then(|session| session.shut_out) {
            let reason = format!(
                "this laptop is {}; what it still held is at the hub, for a person to judge",
                standing.word()
            );
            return Err(fault(CloseCode::Revoked, reason));
        }
        self.close(peer, CloseCode::Done, "everything is said".to_owned());
        Ok(())
    }

    pub(super) fn say(&mut self, peer: PeerId, frame: &Frame) {
        if let Some(session) = self.sessions.get(&peer) {
            let output = session.say(frame);
            self.outputs.push_back(output);
        }
    }
}
