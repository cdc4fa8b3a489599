//! Contacts: who dials when, and what is done when a connection is gone.

use anyhow::ensure;
use shared::{
    identity::ticket::{Secret, Ticket},
    sync::{CloseCode, enrolment},
};

use super::{End, HUB, Kind, World};
use crate::model::Model;

/// How long everybody may take to say everything once nothing goes wrong, in milliseconds.
const CONTACT_MILLISECONDS: u64 = 600_000;
/// Contacts of each van after which everybody must hold the same.
const ROUNDS_MAX: usize = 3;

impl World {
    /// Enrols a machine with a ticket of its own, over the network.
    pub(crate) fn enrol(&mut self, number: usize) -> anyhow::Result<()> {
        let unit = super::office::unit_of(number);
        let mut secret = Secret([0; 16]);
        self.random.fill(&mut secret.0);
        let now = self.machines[HUB].now(self.at);
        let hub = self.machines[HUB].running()?;
        let issued = hub.keep(|tx, _| enrolment::issue(tx, &secret, &unit, now.wall))?;
        let ticket = Ticket {
            addresses: Vec::new(),
            hub: hub.station().key.public(),
            hub_name: "TTS".to_owned(),
            secret,
            district: self.district.clone(),
            unit,
            expires: issued.expires,
        };
        let machine = &mut self.machines[number];
        machine.running()?.enrol(ticket);
        machine.is_online = true;
        machine.dials_at = Some(self.at);
        let mut patience = 100;
        while self.machines[number].device.0 == 0 {
            ensure!(patience > 0, "{} is never enrolled", self.machines[number].name);
            patience -= 1;
            self.run_until(self.at + 1_000)?;
        }
        Ok(())
    }

    /// Dials the hub, if it can be reached.
    pub(crate) fn dial(&mut self, number: usize) -> anyhow::Result<()> {
        let at = self.at;
        let retry = at + self.random.between(1_000, 6_000);
        let hub_is_up = self.machines[HUB].replica.is_some();
        let machine = &mut self.machines[number];
        machine.dials_at = None;
        if machine.connection.is_some()
            || !machine.is_online
            || machine.is_shut_out
            || machine.replica.is_none()
        {
            return Ok(());
        }
        if !hub_is_up {
            machine.dials_at = Some(retry);
            return Ok(());
        }
        let connection = self.network.open(at, number, HUB, &mut self.random);
        let stays = self.random.chance(0.5);
        let machine = &mut self.machines[number];
        machine.connection = Some(connection);
        machine.is_settled = false;
        machine.stays = stays;
        self.telling.say(at, || format!("{} dials: connection {connection}", self.machines[number].name));
        self.opened(connection, End::Child)
    }

    /// A machine's connection is gone: it dials again in a while.
    pub(crate) fn lost(&mut self, number: usize, connection: u64, code: Option<CloseCode>) {
        let wait = match code {
            Some(CloseCode::Replaced) => self.random.between(20_000, 60_000),
            _ => self.random.between(500, 6_000),
        };
        let machine = &mut self.machines[number];
        if machine.connection != Some(connection) {
            return;
        }
        machine.connection = None;
        match code {
            Some(CloseCode::Revoked | CloseCode::UnknownDevice) => machine.is_shut_out = true,
            Some(CloseCode::Done) => {}
            _ if machine.is_online => machine.dials_at = Some(self.at + wait),
            _ => {}
        }
    }

    /// Everything works again: each van meets the hub a few times, and all hold the same.
    pub(crate) fn heal(&mut self) -> anyhow::Result<()> {
        self.telling.say(self.at, || "everything heals".to_owned());
        self.stumbles = None;
        for number in 0..self.machines.len() {
            self.returns_at[number] = None;
            if self.machines[number].replica.is_none() {
                self.start(number)?;
            }
            self.disconnect(number);
            let machine = &mut self.machines[number];
            machine.is_shut_out |= machine.kind == Kind::Hostile;
        }
        self.run_until(self.at + 100_000)?;
        self.import_registry()?;
        for round in 1..=ROUNDS_MAX {
            self.telling.say(self.at, || format!("round {round}"));
            self.round()?;
            if self.agree().is_ok() {
                break;
            }
        }
        self.agree()?;
        let before = (self.telling.batch_bytes, self.telling.repairs);
        self.telling.say(self.at, || "the quiet round".to_owned());
        self.round()?;
        ensure!(
            (self.telling.batch_bytes, self.telling.repairs) == before,
            "in a quiet network {} bytes of batches are sent and {} steps of repair made",
            self.telling.batch_bytes - before.0,
            self.telling.repairs - before.1
        );
        Ok(())
    }

    /// Every honest van meets the hub once; machines with one device take turns.
    fn round(&mut self) -> anyhow::Result<()> {
        let vans: Vec<_> = (0..self.machines.len()).filter(|number| self.is_welcome(*number)).collect();
        let mut waves: Vec<Vec<usize>> = Vec::new();
        for number in vans {
            let family = self.machines[number].family;
            let free =
                waves.iter_mut().find(|wave| wave.iter().all(|other| self.machines[*other].family != family));
            match free {
                Some(wave) => wave.push(number),
                None => waves.push(vec![number]),
            }
        }
        for wave in waves {
            self.wave(&wave)?;
        }
        Ok(())
    }

    fn wave(&mut self, wave: &[usize]) -> anyhow::Result<()> {
        for number in wave {
            let wait = self.random.below(2_000);
            let machine = &mut self.machines[*number];
            machine.is_online = true;
            machine.dials_at = Some(self.at + wait);
        }
        let until = self.at + CONTACT_MILLISECONDS;
        let mut quiet = 0;
        while quiet < 2 {
            ensure!(self.at < until, "{}", self.unsettled(wave)?);
            // Those who hung up early dial again for what the others brought.
            for number in wave {
                let machine = &mut self.machines[*number];
                machine.stays = true;
                if machine.connection.is_none() && machine.dials_at.is_none() {
                    machine.dials_at = Some(self.at);
                }
            }
            self.run_until(self.at + 5_000)?;
            let settled = wave.iter().all(|number| self.machines[*number].is_settled);
            quiet = if settled && self.network.is_quiet() { quiet + 1 } else { 0 };
        }
        for number in wave {
            self.disconnect(*number);
        }
        self.run_until(self.at + 100_000)
    }

    fn unsettled(&mut self, wave: &[usize]) -> anyhow::Result<String> {
        let mut text = "no end comes in sight:".to_owned();
        for number in wave {
            let machine = &self.machines[*number];
            if !machine.is_settled {
                text += &format!(
                    "\n  {} (device {}, connection {:?}) {}",
                    machine.name,
                    machine.device,
                    machine.connection,
                    Model::state_of(&self.machines[HUB], machine)?
                );
            }
        }
        Ok(text)
    }

    /// A machine goes out of coverage.
    pub(crate) fn disconnect(&mut self, number: usize) {
        let machine = &mut self.machines[number];
        machine.is_online = false;
        machine.dials_at = None;
        if let Some(connection) = machine.connection {
            self.network.cut(self.at, connection, &mut self.random);
        }
    }

    /// Whether the hub should serve the machine: an honest laptop that was not revoked.
    pub(crate) fn is_welcome(&self, number: usize) -> bool {
        let machine = &self.machines[number];
        machine.kind == Kind::Van && !machine.is_shut_out && !self.model.is_revoked(machine.device)
    }
}
