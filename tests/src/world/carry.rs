//! What laptops carry for each other: sticks that go from hand to hand, and laptops that meet.

use anyhow::ensure;
use shared::sync::bundle::{Bundle, For, ImportError};

use super::{HUB, Kind, World};

/// Sticks that lie about; the oldest is written over.
const STICKS_MAX: usize = 6;
/// The version of the conversation of laptops that meet.
const VERSION: u32 = 1;

/// A stick with a bundle on it.
#[derive(Clone, Debug)]
pub(super) struct Stick {
    bytes: Vec<u8>,
    /// Whether an honest machine wrote it.
    is_honest: bool,
}

impl World {
    /// Somebody writes a bundle onto a stick, or has a machine take one in.
    pub(super) fn stick(&mut self) -> anyhow::Result<()> {
        let at_hub = self.random.chance(0.25) && self.machines[HUB].replica.is_some();
        let Some(number) = (if at_hub { Some(HUB) } else { self.some_van() }) else { return Ok(()) };
        if self.sticks.is_empty() || self.random.chance(0.45) {
            return self.write_stick(number);
        }
        let sticks = std::mem::take(&mut self.sticks);
        let Stick { mut bytes, is_honest } = self.random.pick(&sticks).clone();
        self.sticks = sticks;
        if self.random.chance(0.1) {
            let at = self.random.below(bytes.len() as u64) as usize;
            bytes[at] ^= 1 << self.random.below(8);
            let machine = &mut self.machines[number];
            let now = machine.now(self.at);
            ensure!(machine.running()?.import_bundle(now, &bytes).is_err(), "a spoilt stick is taken in");
            return Ok(());
        }
        self.take_in(number, &bytes, is_honest)
    }

    fn write_stick(&mut self, number: usize) -> anyhow::Result<()> {
        let machine = &mut self.machines[number];
        let now = machine.now(self.at);
        let is_honest = machine.kind != Kind::Hostile;
        let replica = machine.running()?;
        let made = match number {
            HUB => replica.export_receipts(now, None)?,
            _ => replica.export_bundle(now, For::Anyone)?,
        };
        self.telling.say(self.at, || {
            format!(
                "{} writes a stick: {} own changes, {} carried, {} receipts, {} notes",
                self.machines[number].name, made.own_changes, made.carried_changes, made.receipts, made.notes
            )
        });
        if self.sticks.len() == STICKS_MAX {
            self.sticks.remove(0);
        }
        self.sticks.push(Stick { bytes: made.bytes, is_honest });
        self.drain(number)
    }

    fn take_in(&mut self, number: usize, bytes: &[u8], is_honest: bool) -> anyhow::Result<()> {
        let machine = &mut self.machines[number];
        let now = machine.now(self.at);
        let taken = machine.running()?.import_bundle(now, bytes);
        let name = &self.machines[number].name;
        match taken {
            Ok(taken) => self.telling.say(self.at, || format!("{name} takes in {taken:?}")),
            // The registry of laptops has not come so far yet, or has barred its maker.
            Err(ImportError::Maker { maker }) => {
                self.telling.say(self.at, || format!("{name} does not know device {maker}"));
            }
            Err(
                error @ (ImportError::Store(_) | ImportError::District { .. } | ImportError::Giver { .. }),
            ) => {
                return Err(error.into());
            }
            Err(ImportError::Bundle(error)) => {
                ensure!(!is_honest, "{name} does not take an honest stick: {error}");
            }
        }
        self.drain(number)
    }

    /// Two laptops meet; at times they part in the middle of it.
    pub(super) fn meet(&mut self) -> anyhow::Result<()> {
        let (Some(caller), Some(host)) = (self.some_van(), self.some_van()) else { return Ok(()) };
        if self.machines[caller].device == self.machines[host].device {
            return Ok(());
        }
        let (names, at) = ([caller, host].map(|number| self.machines[number].name.clone()), self.at);
        self.telling.say(at, || format!("{} meets {}", names[0], names[1]));
        let of_caller = self.machines[caller].running()?.greeting(VERSION)?;
        let of_host = self.machines[host].running()?.greeting(VERSION)?;
        let steps = self.random.between(0, 5);
        for step in 0..steps {
            match step {
                0 => {
                    let guest = self.machines[host].device;
                    self.machines[caller].running()?.greeted(guest, &of_host)?;
                    let guest = self.machines[caller].device;
                    self.machines[host].running()?.greeted(guest, &of_caller)?;
                }
                1 => self.hand_over(caller, host, For::Guest(self.machines[host].device, &of_host))?,
                2 => self.hand_over(host, caller, For::Guest(self.machines[caller].device, &of_caller))?,
                _ => self.hand_over(caller, host, For::Farewell(self.machines[host].device, &of_host))?,
            }
        }
        Ok(())
    }

    fn hand_over(&mut self, from: usize, to: usize, whose: For<'_>) -> anyhow::Result<()> {
        let machine = &mut self.machines[from];
        let (now, is_honest, giver) = (machine.now(self.at), machine.kind != Kind::Hostile, machine.device);
        let bytes = machine.running()?.export_bundle(now, whose)?.bytes;
        self.drain(from)?;
        ensure!(Bundle::of_bytes(&bytes)?.head.maker == giver, "a bundle of another maker");
        self.take_in(to, &bytes, is_honest)
    }
}
