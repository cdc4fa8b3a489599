//! What goes wrong with machines: coverage, crashes, disks that go back in time, clones, clocks.

use shared::store::{devices::Standing, journal};

use super::{HUB, Kind, Planted, World};

const DAY: i64 = 86_400_000;

impl World {
    /// A van comes into coverage.
    #[expect(clippy::unnecessary_wraps, reason = "as every act")]
    pub(super) fn coverage(&mut self) -> anyhow::Result<()> {
        let Some(van) = self.some_van() else { return Ok(()) };
        let machine = &mut self.machines[van];
        machine.is_online = true;
        if machine.connection.is_none() {
            machine.dials_at = Some(self.at);
        }
        Ok(())
    }

    /// A van leaves coverage.
    #[expect(clippy::unnecessary_wraps, reason = "as every act")]
    pub(super) fn dark(&mut self) -> anyhow::Result<()> {
        if let Some(van) = self.some_van() {
            self.disconnect(van);
        }
        Ok(())
    }

    /// A connection breaks at this very moment.
    #[expect(clippy::unnecessary_wraps, reason = "as every act")]
    pub(super) fn cut(&mut self) -> anyhow::Result<()> {
        let open: Vec<_> = self.machines.iter().filter_map(|machine| machine.connection).collect();
        if !open.is_empty() {
            let connection = *self.random.pick(&open);
            self.network.cut(self.at, connection, &mut self.random);
        }
        Ok(())
    }

    /// A van's process dies and is started again in a while.
    pub(super) fn crash_van(&mut self) -> anyhow::Result<()> {
        match self.some_van() {
            Some(van) => self.crash(van),
            None => Ok(()),
        }
    }

    /// The hub's process dies and is started again in a while.
    pub(super) fn crash_hub(&mut self) -> anyhow::Result<()> {
        if self.machines[HUB].replica.is_some() { self.crash(HUB) } else { Ok(()) }
    }

    /// A machine will die after it has stored something and before it has said all of it.
    #[expect(clippy::unnecessary_wraps, reason = "as every act")]
    pub(super) fn stumble(&mut self) -> anyhow::Result<()> {
        let victim = if self.random.chance(0.5) { Some(HUB) } else { self.some_van() };
        if let Some(victim) = victim {
            self.stumbles = Some((victim, self.random.below(20)));
        }
        Ok(())
    }

    /// Kills a process between two inputs, whatever it still had to say.
    pub(super) fn crash(&mut self, number: usize) -> anyhow::Result<()> {
        self.telling.mishap(self.at, || format!("{} crashes", self.machines[number].name));
        self.take_down(number);
        let forgets = match self.planted {
            Some(Planted::VanForgets) => self.machines[number].kind == Kind::Van,
            Some(Planted::HubForgets) => number == HUB,
            None => false,
        };
        if forgets {
            self.model.rewound(self.machines[number].device);
            self.machines[number].forget()?;
        }
        let wait = self.random.between(100, 20_000);
        self.returns_at[number] = Some(self.at + wait);
        Ok(())
    }

    fn take_down(&mut self, number: usize) {
        let machine = &mut self.machines[number];
        machine.replica = None;
        machine.connection = None;
        machine.dials_at = None;
        machine.is_settled = false;
        self.network.vanish(self.at, number, &mut self.random);
    }

    /// Starts a process on what is on its disk.
    pub(crate) fn start(&mut self, number: usize) -> anyhow::Result<()> {
        self.telling.say(self.at, || format!("{} starts", self.machines[number].name));
        let at = self.at;
        let machine = &mut self.machines[number];
        machine.start()?;
        if machine.is_online && machine.kind != Kind::Hub {
            machine.dials_at = Some(at);
        }
        self.drain(number)
    }

    /// Somebody copies a disk.
    pub(super) fn image(&mut self) -> anyhow::Result<()> {
        let number = if self.random.chance(0.4) { Some(HUB) } else { self.some_van() };
        let Some(number) = number.filter(|number| self.machines[*number].replica.is_some()) else {
            return Ok(());
        };
        self.telling.say(self.at, || format!("image of {}", self.machines[number].name));
        let noted = self.model.noted();
        self.machines[number].image(noted)
    }

    /// A van's disk is replaced by an older image of it.
    pub(super) fn restore_van(&mut self) -> anyhow::Result<()> {
        let Some(van) = self.some_van() else { return Ok(()) };
        let images = self.machines[van].images.clone();
        if images.is_empty() {
            return Ok(());
        }
        let image = self.random.pick(&images).clone();
        self.telling.mishap(self.at, || format!("{} is restored", self.machines[van].name));
        self.model.taken_back(van, image.noted);
        self.model.rewound(self.machines[van].device);
        self.take_down(van);
        self.machines[van].restore(&image)?;
        self.start(van)
    }

    /// The hub's disk is replaced by an older image of it, as `restore` does.
    pub(super) fn restore_hub(&mut self) -> anyhow::Result<()> {
        let images = self.machines[HUB].images.clone();
        if images.is_empty() {
            return Ok(());
        }
        let image = self.random.pick(&images).clone();
        self.telling.mishap(self.at, || "the hub is restored".to_owned());
        self.model.taken_back(HUB, image.noted);
        self.take_down(HUB);
        self.returns_at[HUB] = None;
        self.machines[HUB].restore(&image)?;
        // A restore that goes unnoticed is proven by the vans' receipts instead.
        let is_told = self.random.chance(0.7);
        self.start(HUB)?;
        if let Some(hub) = self.machines[HUB].replica.as_ref() {
            self.model.unnoticed(hub);
        }
        let path = self.machines[HUB].database();
        if let Some(hub) = self.machines[HUB].replica.as_mut().filter(|_| is_told) {
            hub.keep(|tx, _| journal::replay(tx, &path))?;
            hub.begin_life()?;
        }
        self.drain(HUB)
    }

    /// A van's disk is put into a second laptop, and both go on.
    pub(super) fn clone_van(&mut self) -> anyhow::Result<()> {
        let clones = self.machines.iter().enumerate().filter(|(number, machine)| machine.family != *number);
        if clones.count() >= 2 {
            return Ok(());
        }
        let Some(van) = self.some_van().filter(|van| self.machines[*van].kind == Kind::Van) else {
            return Ok(());
        };
        let name = format!("{}'{}", self.machines[van].name, self.machines.len());
        self.telling.mishap(self.at, || format!("{} is cloned to {name}", self.machines[van].name));
        self.model.rewound(self.machines[van].device);
        let twin = self.machines[van].clone_to(self.folder.path(), &name)?;
        self.machines.push(twin);
        self.returns_at.push(None);
        self.start(self.machines.len() - 1)
    }

    /// The operator revokes a van.
    pub(super) fn revoke(&mut self) -> anyhow::Result<()> {
        let Some(van) = self.some_van() else { return Ok(()) };
        let device = self.machines[van].device;
        let now = self.machines[HUB].now(self.at);
        let Some(hub) = self.machines[HUB].replica.as_mut() else { return Ok(()) };
        self.telling.mishap(self.at, || format!("device {device} is revoked"));
        hub.set_standing(now, device, Standing::Revoked)?;
        self.model.revoke(device);
        self.drain(HUB)
    }

    /// Somebody sets a laptop's clock, or its battery is dead.
    #[expect(clippy::unnecessary_wraps, reason = "as every act")]
    pub(super) fn turn_clock(&mut self) -> anyhow::Result<()> {
        if let Some(van) = self.some_van() {
            self.machines[van].clock = some_clock(&mut self.random);
        }
        Ok(())
    }
}

/// How far a laptop's clock is off: not at all, hours, days, or years.
pub(crate) fn some_clock(random: &mut crate::random::Random) -> i64 {
    let days = match random.below(4) {
        0 => 0,
        1 => 1,
        2 => 40,
        _ => 3_650,
    };
    let span = u64::try_from(days * DAY).unwrap_or(0);
    i64::try_from(random.below(2 * span + 1)).unwrap_or(0) - days * DAY
}
