//! How this laptop is set up: what its people chose, which no other laptop hears of.

use std::{fmt, path::Path, str::FromStr};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::{
    desk::because::Because,
    store::{self, StoreError},
};

use crate::{
    agent::{Agent, said},
    host::output::Failure,
};

/// Bytes of a value, at most.
const VALUE_BYTES_MAX: usize = 4_000;

/// Something that can be set.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Setting {
    /// Who works here by turns, a name a line; the officers registry goes before it where there is one.
    Officers,
    /// The language of pages for which the browser chose none: `id`, `en`.
    Language,
    /// The paper of slips: `58`, `80` (millimetres of a thermal printer) or `a5`.
    Paper,
    /// The folder into which a scanner writes.
    ScannerFolder,
    /// The colours of the pages: `normal`, `contrast`.
    Theme,
}

impl Setting {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Officers, Self::Language, Self::Paper, Self::ScannerFolder, Self::Theme];

    /// The name that commands use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Officers => "officers",
            Self::Language => "language",
            Self::Paper => "paper",
            Self::ScannerFolder => "scanner_folder",
            Self::Theme => "theme",
        }
    }

    /// The values that it takes, the first of which holds until another is chosen; empty where it takes any.
    pub fn choices(self) -> &'static [&'static str] {
        match self {
            Self::Officers | Self::ScannerFolder => &[],
            Self::Language => &["id", "en"],
            Self::Paper => &["a5", "80", "58"],
            Self::Theme => &["normal", "contrast"],
        }
    }

    fn check(self, value: &str) -> Result<(), Failure> {
        let choices = self.choices();
        if !choices.is_empty() && !choices.contains(&value) {
            return Err(Failure::usage(format!("{self} is one of {}, not `{value}`", choices.join(", ")))
                .why("choice"));
        }
        if self == Self::ScannerFolder && !value.is_empty() && !is_folder(value) {
            return Err(Failure::usage(format!("`{value}` is no folder of this laptop"))
                .why("no-folder")
                .next("name the folder as a whole path, such as /home/van/scans"));
        }
        if value.len() > VALUE_BYTES_MAX {
            return Err(Failure::usage(format!("{self} holds {VALUE_BYTES_MAX} bytes at most"))
                .because(Because::of("too-long")));
        }
        Ok(())
    }

    fn fact(self) -> String {
        format!("setting.{self}")
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no setting; one of {all}", all = Setting::ALL.map(Setting::as_str).join(", "))]
pub struct ParseSettingError {
    /// What was given, cut to 64 characters.
    pub text: String,
}

impl FromStr for Setting {
    type Err = ParseSettingError;

    fn from_str(text: &str) -> Result<Self, ParseSettingError> {
        let found = Self::ALL.into_iter().find(|setting| setting.as_str() == text);
        found.ok_or_else(|| ParseSettingError { text: text.chars().take(64).collect() })
    }
}

impl Agent {
    /// What is set; what holds by itself where nothing is.
    pub(crate) fn setting(&mut self, setting: Setting) -> Result<String, Failure> {
        let fact = store::fact(self.read()?, &setting.fact()).map_err(said)?;
        let set = fact.and_then(|bytes| String::from_utf8(bytes).ok());
        Ok(set.unwrap_or_else(|| setting.choices().first().copied().unwrap_or_default().to_owned()))
    }

    /// Sets one.
    pub(crate) fn set_setting(&mut self, setting: Setting, value: String) -> Result<Value, Failure> {
        let set = json!({"setting": setting, "value": value.trim()});
        self.set_settings(&[(setting, value)])?;
        Ok(set)
    }

    /// Sets all of them, or none where one is refused.
    pub(crate) fn set_settings(&mut self, settings: &[(Setting, String)]) -> Result<(), Failure> {
        for (setting, value) in settings {
            setting.check(value.trim())?;
        }
        let keep = |tx: store::Tx<'_>, _: &_| {
            settings.iter().try_for_each(|(setting, value)| {
                store::set_fact(tx, &setting.fact(), value.trim().replace("\r\n", "\n").as_bytes())
            })
        };
        self.replica_mut().keep::<_, StoreError>(keep).map_err(said)
    }

    /// Tells all settings, an event each.
    pub(crate) fn settings(&mut self, each: &mut dyn FnMut(Value) -> bool) -> Result<Value, Failure> {
        for setting in Setting::ALL {
            let value = self.setting(setting)?;
            each(json!({"setting": setting, "value": value, "choices": setting.choices()}));
        }
        Ok(json!({"settings": Setting::ALL.len()}))
    }

    /// Who works at this laptop, once another took over where one is named; and who may.
    pub(crate) fn work_as(&mut self, name: Option<&str>) -> Result<Value, Failure> {
        if let Some(name) = name {
            self.set_officer(name.trim())?;
        }
        Ok(json!({"officer": self.officer()?, "officers": self.officers()?}))
    }

    /// Who may work here: the officers of the registry; those of this laptop where there is none.
    pub(crate) fn officers(&mut self) -> Result<Vec<Colleague>, Failure> {
        let registered = self.replica().registries().officers().map(|officer| Colleague {
            name: officer.name.clone(),
            agencies: officer.agencies.iter().map(ToString::to_string).collect(),
        });
        let registered: Vec<_> = registered.collect();
        if !registered.is_empty() {
            return Ok(registered);
        }
        let own = self.setting(Setting::Officers)?;
        let names = own.lines().map(str::trim).filter(|name| !name.is_empty());
        Ok(names.map(|name| Colleague { name: name.to_owned(), agencies: Vec::new() }).collect())
    }
}

/// Who may work here.
#[derive(Serialize, Debug)]
pub(crate) struct Colleague {
    pub name: String,
    /// The agencies that the registry lets them act for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub agencies: Vec<String>,
}

fn is_folder(text: &str) -> bool {
    let path = Path::new(text);
    path.is_absolute() && path.is_dir()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_takes_what_it_can_be_and_nothing_else() {
        for setting in Setting::ALL {
            assert_eq!(setting.as_str().parse(), Ok(setting));
            for choice in setting.choices() {
                assert!(setting.check(choice).is_ok());
            }
        }
        assert!("colour".parse::<Setting>().is_err());
        for (setting, wrong) in [
            (Setting::Paper, "57"),
            (Setting::Theme, ""),
            (Setting::ScannerFolder, "scans"),
            (Setting::ScannerFolder, "/no/such/folder"),
        ] {
            assert!(setting.check(wrong).is_err(), "{setting} {wrong}");
        }
        assert!(Setting::ScannerFolder.check("").is_ok());
        assert!(Setting::Officers.check(&"x".repeat(VALUE_BYTES_MAX + 1)).is_err());
    }
}
