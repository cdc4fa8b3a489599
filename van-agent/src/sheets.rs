//! Emergency sheets: slip numbers reserved on paper that is filled in by hand, asked of the holder of the store.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::{
    slip::{DeviceLetter, SlipNumber},
    store::{
        self, StoreError, Tx, read_model,
        sheets::{self, SHEETS_MAX, Sheet},
    },
    sync::station::Place,
    time::Now,
};

use crate::{
    agent::{Agent, not_enrolled, said},
    host::output::Failure,
};

/// What is done with emergency sheets.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SheetAct {
    /// Reserve so many numbers: an event each.
    Print(u32),
    /// List the sheets: an event each.
    List,
}

impl Agent {
    pub(crate) fn sheets(
        &mut self,
        now: Now,
        act: &SheetAct,
        each: &mut dyn FnMut(Value) -> bool,
    ) -> Result<Value, Failure> {
        let sheets = match act {
            SheetAct::Print(count) => self.reserve(now, *count)?,
            SheetAct::List => sheets::all(self.read()?).map_err(said)?,
        };
        let (epoch, offset_minutes) = (self.replica().station().epoch, self.offset_minutes());
        let mut open = 0_u64;
        for sheet in &sheets {
            let case = match sheet.case {
                Some(case) => read_model::case_of(self.read()?, case).map_err(said)?,
                None => None,
            };
            let state = match (sheet.case, sheet.epoch == epoch) {
                (Some(_), _) => "entered",
                (None, true) => "open",
                (None, false) => "expired",
            };
            open += u64::from(state == "open");
            each(json!({
                "sheet": sheet.slip,
                "state": state,
                "printed": sheet.at.to_rfc3339(offset_minutes),
                "batch": sheet.at.0,
                "case": sheet.case,
                "death": case.as_ref().and_then(|case| case.death.as_ref()),
                "name": case.as_ref().and_then(|case| case.name.as_ref()),
            }));
        }
        Ok(json!({"sheets": sheets.len(), "open": open}))
    }

    /// Reserves numbers of today, durably, before anybody sees them.
    fn reserve(&mut self, now: Now, count: u32) -> Result<Vec<Sheet>, Failure> {
        if !(1..=SHEETS_MAX).contains(&count) {
            return Err(Failure::usage(format!("{count} sheets cannot be printed at once"))
                .why("too-many")
                .next(format!("ask for 1 to {SHEETS_MAX}")));
        }
        let place = self.replica().station().place.clone().ok_or_else(not_enrolled)?;
        let date = now.wall.day(self.offset_minutes());
        let reserved = self.replica_mut().keep(|tx, station| {
            let mut reserved = Vec::new();
            for _ in 0..count {
                let slip = next_slip(tx, &place, date)?;
                sheets::reserve(tx, &slip, station.epoch, now.wall)?;
                reserved.push(Sheet { slip, epoch: station.epoch, at: now.wall, case: None });
            }
            Ok::<_, StoreError>(reserved)
        });
        reserved.map_err(said)
    }
}

/// The next slip number of a day, given to nobody before.
///
/// # Errors
/// The store fails, or the laptop's place is damaged.
pub(crate) fn next_slip(tx: Tx<'_>, place: &Place, date: time::Date) -> store::Result<SlipNumber> {
    let damaged = StoreError::Damaged { place: "fact.place" };
    let (Ok(letter), Some(unit)) = (place.letter.parse::<DeviceLetter>(), &place.unit) else {
        return Err(damaged);
    };
    let counter = store::next(tx, &format!("slip/{letter}/{date}"))?;
    let counter = u32::try_from(counter).unwrap_or(u32::MAX);
    Ok(SlipNumber::new(place.district.clone(), unit, &letter, date, counter))
}
