//! How long this laptop goes on without a socket, where the system tells it.

use std::{fs, path::Path};

/// Where Linux tells of batteries; other systems have no such folder, and tell nothing here.
const SUPPLIES: &str = "/sys/class/power_supply";
/// Percent below which work on paper should be prepared.
const LOW_PERCENT: u8 = 30;

/// How full the battery is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Battery {
    /// Percent of what it holds.
    pub(crate) percent: u8,
    /// Whether it is being used up.
    pub(crate) discharging: bool,
}

impl Battery {
    /// The emptiest battery of this machine; `None` where none is known.
    pub(crate) fn now() -> Option<Self> {
        Self::below(Path::new(SUPPLIES))
    }

    /// Whether emergency sheets should be printed while that can be done.
    pub(crate) fn is_low(self) -> bool {
        self.discharging && self.percent < LOW_PERCENT
    }

    fn below(supplies: &Path) -> Option<Self> {
        let supplies = fs::read_dir(supplies).ok()?.filter_map(Result::ok);
        supplies.filter_map(|supply| Self::of(&supply.path())).min_by_key(|battery| battery.percent)
    }

    fn of(supply: &Path) -> Option<Self> {
        let read = |name: &str| fs::read_to_string(supply.join(name)).ok().map(|text| text.trim().to_owned());
        // Those of a mouse or a telephone say whose they are.
        let is_own = read("type")? == "Battery" && read("scope").is_none_or(|scope| scope == "System");
        let percent = read("capacity")?.parse().ok()?;
        is_own.then(|| Self { percent, discharging: read("status").as_deref() == Some("Discharging") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_laptops_own_battery_tells_when_it_is_low() {
        let folder = tempfile::tempdir().expect("there is room");
        assert_eq!(Battery::below(&folder.path().join("none")), None);
        let supply = |name: &str, files: &[(&str, &str)]| {
            let path = folder.path().join(name);
            fs::create_dir_all(&path).expect("there is room");
            for (file, text) in files {
                fs::write(path.join(file), text).expect("there is room");
            }
        };
        supply("AC", &[("type", "Mains\n"), ("online", "0\n")]);
        supply("mouse", &[("type", "Battery\n"), ("scope", "Device\n"), ("capacity", "3\n")]);
        assert_eq!(Battery::below(folder.path()), None);
        let own = |capacity: &str, status: &str| {
            supply("BAT0", &[("type", "Battery\n"), ("capacity", capacity), ("status", status)]);
            Battery::below(folder.path())
        };
        assert_eq!(own("29\n", "Discharging\n").map(Battery::is_low), Some(true));
        assert_eq!(own("29\n", "Charging\n").map(Battery::is_low), Some(false));
        assert_eq!(own("30\n", "Discharging\n").map(Battery::is_low), Some(false));
        assert_eq!(own("?\n", "Unknown\n"), None);
    }
}
