//! Visits of this unit: opened, closed, listed, and who is expected at them.

use serde_json::{Value, json};
use shared::{
    desk::{
        author,
        because::{Because, Explained},
        resolve, rows,
    },
    document::{View, Visit, visit},
    id::{DocumentId, Kind, VillageCode},
    registry::row::Listed,
    store::{
        StoreError, changes,
        read_model::{self, PersonRow, VisitRow},
    },
    sync::writing::SaveError,
    time::{Now, Timestamp},
};

use crate::{
    agent::{Agent, explained, not_enrolled, said},
    host::output::Failure,
    prelist::ServedThere,
};

/// People and products of a visit that are listed, each.
const EXPECTED_MAX: usize = 300;

/// Open visits that a laptop shows; who leaves more open closes some first.
const OPEN_MAX: usize = 40;

impl Agent {
    pub(crate) fn open_visit(&mut self, now: Now, open: &OpenVisit) -> Result<Value, Failure> {
        if open.label.trim().is_empty() {
            return Err(Failure::usage("a visit needs a label")
                .why("label")
                .next("give what people call it: visit open \"Pasar Niki-Niki\""));
        }
        let offset_minutes = self.offset_minutes();
        let today = now.wall.day(offset_minutes);
        let date = open.date.as_deref().map_or(Ok(today), day)?;
        if let Some(code) = &open.village
            && self.replica().registries().village(code).is_none()
        {
            return Err(Failure::new(format!("village {code} is not in the registry"))
                .because(Because::of("village")));
        }
        let Some(place) = self.replica().station().place.clone() else { return Err(not_enrolled()) };
        let unit = place.unit.clone().ok_or_else(not_enrolled)?;
        let known = read_model::visit_of(self.read()?, unit.as_str(), &open.label, &date.to_string());
        let known = known.map_err(said)?;
        let written = self.replica_mut().write(now, |writing| -> Result<DocumentId, VisitError> {
            if let Some(document) = known {
                let mut edit = writing.open(document)?;
                visit::set_place(
                    &mut edit,
                    open.village.as_ref(),
                    open.point.as_deref(),
                    open.lead.as_deref(),
                )?;
                for agency in &open.agencies {
                    visit::set_aboard(&mut edit, agency, true)?;
                }
                visit::set_closed(&mut edit, None)?;
                writing.save(document, edit)?;
                return Ok(document);
            }
            let (document, mut edit) = writing.create(Kind::Visit);
            visit::New {
                district: &place.district,
                unit: &unit,
                label: &open.label,
                date,
                village: open.village.as_ref(),
                point: open.point.as_deref(),
                lead: open.lead.as_deref(),
                agencies: &open.agencies,
                opened: now.wall,
                offset_minutes,
            }
            .write(&mut edit)?;
            writing.save(document, edit)?;
            Ok(document)
        });
        let document = written.map_err(explained)?;
        let agencies = self.replica().registries().agencies();
        let unknown =
            open.agencies.iter().filter(|code| !agencies.keys().any(|known| known.as_str() == **code));
        let mut warnings: Vec<_> =
            unknown.map(|code| format!("agency {code} is not in the registry")).collect();
        if let Some(point) = &open.point
            && self.replica().registries().point(point).is_none()
        {
            warnings.push(format!("service point {point} is not in the registry"));
        }
        let date = date.to_string();
        Ok(json!({"visit": document, "label": open.label, "date": date, "unit": unit, "warnings": warnings}))
    }

    pub(crate) fn close_visit(&mut self, now: Now, text: &str) -> Result<Value, Failure> {
        let unit = self.replica().station().place.as_ref().and_then(|place| place.unit.clone());
        let unit = unit.ok_or_else(not_enrolled)?;
        let document = resolve::visit(self.read()?, Some(unit.as_str()), text).map_err(said)?;
        let known = read_model::visits(self.read()?).map_err(said)?;
        if let Some(other) = known.iter().find(|row| row.document == document && row.unit != unit.as_str()) {
            return Err(Failure::new(format!("that visit is one of {}", other.unit))
                .why("visit-elsewhere")
                .next(format!("let a laptop of {} close it", other.unit)));
        }
        let written = self.replica_mut().write(now, |writing| -> Result<bool, VisitError> {
            let mut edit = writing.open(document)?;
            visit::set_closed(&mut edit, Some(now.wall))?;
            Ok(writing.save(document, edit)?)
        });
        written.map_err(explained)?;
        Ok(json!({"visit": document, "closed": now.wall.to_rfc3339(self.offset_minutes())}))
    }

    pub(crate) fn visits(&mut self, each: &mut dyn FnMut(Value) -> bool) -> Result<Value, Failure> {
        let offset_minutes = self.offset_minutes();
        let tx = self.read()?;
        let visits = read_model::visits(tx).map_err(said)?;
        let count = visits.len();
        let told = |at: Option<i64>| at.map(|at| Timestamp(at).to_rfc3339(offset_minutes));
        for visit in visits {
            let mut value = json!(visit);
            value["opened"] = json!(told(visit.opened));
            value["closed"] = json!(told(visit.closed));
            value["cases"] = json!(read_model::cases_of_visit(tx, visit.document).map_err(said)?);
            let history = changes::history(tx, visit.document).map_err(said)?;
            let Visit { agencies, point, lead, .. } = Visit::read(&View::of(&history));
            let aboard = agencies.into_iter().filter_map(|(code, aboard)| aboard.then_some(code));
            value["agencies"] = json!(aboard.collect::<Vec<_>>());
            (value["point"], value["lead"]) = (json!(point), json!(lead));
            each(value);
        }
        Ok(json!({"visits": count}))
    }

    /// All visits of this unit, newest first.
    pub(crate) fn visits_of_unit(&mut self) -> Result<Vec<VisitRow>, Failure> {
        let unit = self.unit();
        let visits = read_model::visits(self.read()?).map_err(said)?;
        Ok(visits.into_iter().filter(|visit| visit.unit == unit).collect())
    }

    /// The laptop that opened a visit, as on slips, where that is known.
    pub(crate) fn opener(&mut self, visit: DocumentId) -> Result<Option<String>, Failure> {
        let history = changes::history(self.read()?, visit).map_err(said)?;
        let Some((first, _)) = history.iter().next() else { return Ok(None) };
        Ok(author::of_change(self.read()?, first).map_err(said)?.laptop)
    }

    /// The open visits of this unit, newest first, at most [`OPEN_MAX`].
    pub(crate) fn open_visits(&mut self) -> Result<Vec<VisitRow>, Failure> {
        let unit = self.unit();
        read_model::open_visits(self.read()?, &unit, OPEN_MAX).map_err(said)
    }

    /// How many people of the pre-list and how many products belong to the village of each open visit.
    pub(crate) fn expected_counts(&mut self) -> Result<Vec<Value>, Failure> {
        let mut counts = Vec::new();
        for visit in self.open_visits()? {
            let Counts { people, served, products } = self.count_expected(&visit)?;
            if people + products > 0 {
                let VisitRow { document, label, .. } = visit;
                counts.push(json!({
                    "visit": document, "label": label, "people": people, "served": served, "products": products,
                }));
            }
        }
        Ok(counts)
    }

    /// Who is expected at the open visits: people of the pre-list, and products that wait for somebody of the
    /// village, an event each.
    pub(crate) fn list_expected(&mut self, each: &mut dyn FnMut(Value) -> bool) -> Result<Value, Failure> {
        let (mut people, mut served, mut products) = (0, 0, 0);
        for visit in self.open_visits()? {
            let found = self.expected(&visit)?;
            (people, served) = (people + found.of.people, served + found.of.served);
            products += found.of.products;
            let of = json!({"visit": visit.document, "label": visit.label});
            for awaited in found.people {
                let mut value = of.clone();
                let death = awaited.known.as_ref().and_then(|known| known.death.as_deref());
                (value["known"], value["death"]) = (json!(awaited.known.is_some()), json!(death));
                (value["person"], value["served"]) = (json!(awaited.row), json!(awaited.served));
                each(value);
            }
            for row in found.products {
                let mut value = of.clone();
                value["product"] = json!(row);
                each(value);
            }
        }
        Ok(json!({"people": people, "served": served, "products": products}))
    }

    /// Who is expected at a visit.
    pub(crate) fn expected(&mut self, visit: &VisitRow) -> Result<Expected, Failure> {
        let of = self.count_expected(visit)?;
        let village = visit.village.as_deref().unwrap_or_default();
        let listed: Vec<Listed> = self.announced_in(village).take(EXPECTED_MAX).cloned().collect();
        let mut people = Vec::new();
        let at_visit = self.served_at(visit)?;
        for row in listed {
            let served = at_visit.has(&row);
            people.push(Awaited { known: self.known(&row)?, row, served });
        }
        let products = read_model::waiting(self.read()?, village, EXPECTED_MAX).map_err(said)?;
        let products = products.into_iter().map(rows::Row::from).collect();
        Ok(Expected { people, products, of })
    }

    /// People of the pre-list, how many of them were served, and products of a visit's village.
    fn count_expected(&mut self, visit: &VisitRow) -> Result<Counts, Failure> {
        let Some(village) = &visit.village else { return Ok(Counts::default()) };
        let at_visit = self.served_at(visit)?;
        let is_served = |row: &&Listed| at_visit.has(row);
        let (people, served) =
            (self.announced_in(village).count() as u64, self.announced_in(village).filter(is_served).count());
        let products = read_model::waiting_count(self.read()?, village).map_err(said)?;
        Ok(Counts { people, served: served as u64, products })
    }

    /// Whom the cases of a visit are about, where its village announced anybody.
    fn served_at(&mut self, visit: &VisitRow) -> Result<ServedThere, Failure> {
        let village = visit.village.as_deref().unwrap_or_default();
        if self.announced_in(village).next().is_none() {
            return Ok(ServedThere::default());
        }
        Ok(read_model::people_served(self.read()?, visit.document).map_err(said)?.into_iter().collect())
    }

    fn announced_in<'a>(&'a self, village: &'a str) -> impl Iterator<Item = &'a Listed> {
        self.replica().registries().prelist().filter(move |row| row.village.as_str() == village)
    }
}

/// Who is expected at a visit.
pub(crate) struct Expected {
    /// People whom the village announced.
    pub(crate) people: Vec<Awaited>,
    /// Products that wait for somebody of the village.
    pub(crate) products: Vec<rows::Row>,
    /// How many of each there are, listed or not.
    pub(crate) of: Counts,
}

/// How many are expected at a visit.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counts {
    /// People of the pre-list.
    pub(crate) people: u64,
    /// Those of them who were served there.
    pub(crate) served: u64,
    /// Products that wait for somebody of the village.
    pub(crate) products: u64,
}

/// Somebody whom the village of a visit announced.
pub(crate) struct Awaited {
    pub(crate) row: Listed,
    /// Who of those known on this laptop that is.
    pub(crate) known: Option<PersonRow>,
    /// Whether a case was begun for that person at the visit.
    pub(crate) served: bool,
}

/// A visit to be opened.
pub(crate) struct OpenVisit {
    pub(crate) label: String,
    pub(crate) date: Option<String>,
    pub(crate) village: Option<VillageCode>,
    pub(crate) point: Option<String>,
    pub(crate) lead: Option<String>,
    pub(crate) agencies: Vec<String>,
}

pub(crate) fn day(text: &str) -> Result<time::Date, Failure> {
    match text.parse() {
        Ok(shared::born::Born::Day(date)) => Ok(date),
        Ok(_) | Err(_) => {
            Err(Failure::usage(format!("`{text}` is not a day such as 2026-11-20")).why("date"))
        }
    }
}

/// Why a visit is not saved.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VisitError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Edit(#[from] shared::document::EditError),
    #[error(transparent)]
    Save(#[from] SaveError),
}

impl Explained for VisitError {
    fn because(&self) -> Because {
        match self {
            Self::Store(error) => error.because(),
            Self::Edit(error) => error.because(),
            Self::Save(error) => error.because(),
        }
    }
}
