//! The satisfaction survey, asked of the holder of the store.

use serde_json::{Value, json};
use shared::{
    desk::{resolve, survey},
    document::{View, survey as answers, visit},
    id::{DocumentId, Kind, UnitId},
    store::read_model::{self, VisitRow},
    survey::Scores,
    time::{Now, Timestamp},
};

use crate::{
    agent::{Agent, explained, not_enrolled, said},
    host::output::Failure,
    visit::{VisitError, day},
};

impl Agent {
    /// Takes sheets in, all or none.
    pub(crate) fn add_sheets(
        &mut self,
        now: Now,
        visit: Option<&str>,
        sheets: &[String],
        batch: Option<&str>,
    ) -> Result<Value, Failure> {
        let sheets = read(sheets)?;
        let visit = self.surveyed(now, visit)?;
        let mut name = [0; answers::BATCH_BYTES];
        match batch {
            None => self.replica_mut().draw(&mut name),
            Some(text) => {
                let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).ok();
                name = bytes.and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| {
                    Failure::usage("a batch is named by 16 hexadecimal digits")
                        .why("reload")
                        .next("load the page again")
                })?;
            }
        }
        let place = self.replica().station().place.clone().ok_or_else(not_enrolled)?;
        let offset_minutes = self.offset_minutes();
        let (unit, date): (UnitId, _) = (visit.unit.parse().map_err(said)?, day(&visit.date)?);
        let written = self.replica_mut().write(now, |writing| -> Result<usize, VisitError> {
            let takes = answers::has_place(&View::of(writing.history(visit.document)?));
            let (document, mut edit) = match takes {
                true => (visit.document, writing.open(visit.document)?),
                false => writing.create(Kind::Visit),
            };
            if !takes {
                // Its maker knew no answers; a second document of the same unit, label and date is the same visit.
                visit::New {
                    district: &place.district,
                    unit: &unit,
                    label: &visit.label,
                    date,
                    village: visit.village.as_ref().and_then(|code| code.parse().ok()).as_ref(),
                    point: None,
                    lead: None,
                    agencies: &[],
                    opened: visit.opened.map_or(now.wall, Timestamp),
                    offset_minutes,
                }
                .write(&mut edit)?;
                visit::set_closed(&mut edit, visit.closed.map(Timestamp))?;
            }
            let new = answers::add(&mut edit, name, &sheets)?;
            writing.save(document, edit)?;
            Ok(new)
        });
        let new = written.map_err(explained)?;
        let partial = sheets.iter().filter(|sheet| !sheet.is_whole()).count();
        Ok(json!({"visit": visit.document, "label": visit.label, "date": visit.date, "sheets": sheets.len(),
                  "new": new, "partial": partial}))
    }

    /// Tells the answers of each visit, or of one; those of this unit pooled.
    pub(crate) fn survey(
        &mut self,
        visit: Option<&str>,
        each: &mut dyn FnMut(Value) -> bool,
    ) -> Result<Value, Failure> {
        let unit = self.unit();
        let wanted = visit.map(|text| self.visit_row(text)).transpose()?;
        let all = survey::by_visit(self.read()?).map_err(said)?;
        let mut count = 0_u64;
        for answers in all {
            let is_wanted = wanted.as_ref().is_none_or(|row| {
                answers.unit == row.unit
                    && answers.label.as_ref() == Some(&row.label)
                    && answers.date.as_ref() == Some(&row.date)
            });
            if is_wanted {
                count += 1;
                each(json!(answers));
            }
        }
        let units = survey::by_unit(self.read()?).map_err(said)?;
        let pooled = units.into_iter().find(|answers| answers.unit == unit);
        Ok(json!({"visits": count, "unit": pooled}))
    }

    /// The visit that sheets are of: as named, or the one of this unit that is open today.
    fn surveyed(&mut self, now: Now, named: Option<&str>) -> Result<VisitRow, Failure> {
        if let Some(text) = named {
            return self.visit_row(text);
        }
        let (unit, today) = (self.unit(), now.wall.day(self.offset_minutes()).to_string());
        let visits = read_model::visits(self.read()?).map_err(said)?;
        let open = |row: &VisitRow| row.closed.is_none() && row.date == today && row.unit == unit;
        visits.into_iter().find(open).ok_or_else(|| {
            Failure::new("no visit of this unit is open today")
                .why("no-visit")
                .next("name one with --visit, or open one with `van-agent visit open LABEL`")
        })
    }

    fn visit_row(&mut self, text: &str) -> Result<VisitRow, Failure> {
        let unit = self.unit();
        let tx = self.read()?;
        let document: DocumentId = resolve::visit(tx, Some(&unit), text).map_err(said)?;
        let found = read_model::visits(tx).map_err(said)?.into_iter().find(|row| row.document == document);
        found.ok_or_else(|| Failure::new(format!("there is no visit {text} here")).why("no-visit"))
    }
}

/// Reads sheets; the first one that is wrong is named by its place.
fn read(sheets: &[String]) -> Result<Vec<Scores>, Failure> {
    if sheets.is_empty() || sheets.len() > answers::SHEETS_MAX {
        return Err(
            Failure::usage(format!("give 1 to {} sheets at once", answers::SHEETS_MAX)).why("too-many")
        );
    }
    let mut read = Vec::with_capacity(sheets.len());
    for (sheet, number) in sheets.iter().zip(1..) {
        let scores = sheet.parse().map_err(|error| {
            Failure::usage(format!("sheet {number}: {error}"))
                .why("scores")
                .next("correct it and give all sheets again; none was saved")
        })?;
        read.push(scores);
    }
    Ok(read)
}
