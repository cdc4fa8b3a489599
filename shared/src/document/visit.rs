//! A visit: a unit at a service point on a date, with the agencies aboard. A document of this kind with empty label and
//! date is no visit: see [`super::blanks`].

use std::collections::BTreeMap;

use serde::Serialize;
use time::Date;

use super::{
    Moment,
    case::{parsed, put_texts},
    edit::{Edit, EditError},
    schema::key,
    view::View,
};
use crate::{
    change::Scalar,
    id::{DistrictCode, UnitId, VillageCode},
    time::Timestamp,
};

/// A visit as its changes leave it. What is missing or malformed is `None`. Documents of one unit,
/// label and date are one visit to a reader.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Visit {
    /// District of the device that made the document.
    pub district: Option<DistrictCode>,
    /// Unit that goes.
    pub unit: Option<UnitId>,
    /// What people call it.
    pub label: Option<String>,
    /// The local day, `2026-11-20`.
    pub date: Option<String>,
    /// Village.
    pub village: Option<VillageCode>,
    /// Service point in the village.
    pub point: Option<String>,
    /// Leader of the team.
    pub lead: Option<String>,
    /// Agency codes, and whether each is aboard.
    pub agencies: BTreeMap<String, bool>,
    /// When it was opened.
    pub opened: Option<Moment>,
    /// When it was closed.
    pub closed: Option<Moment>,
}

impl Visit {
    /// Reads a visit.
    pub fn read(view: &View<'_>) -> Self {
        let root = view.root();
        let text = |key: &str| root.text(key).map(str::to_owned);
        let offset = root.int(key::OFFSET);
        let moment = |key: &str| root.timestamp(key).map(|at| Moment::new(at, offset));
        let agencies = root.map(key::AGENCIES).map_or_else(BTreeMap::new, |map| {
            map.keys().filter_map(|code| Some((code.to_owned(), map.boolean(code)?))).collect()
        });
        Self {
            district: parsed(root, key::DISTRICT),
            unit: parsed(root, key::UNIT),
            label: text(key::LABEL),
            date: text(key::DATE),
            village: parsed(root, key::VILLAGE),
            point: text(key::POINT),
            lead: text(key::LEAD),
            agencies,
            opened: moment(key::OPENED),
            closed: moment(key::CLOSED),
        }
    }

    /// Whether it is going on.
    pub fn is_open(&self) -> bool {
        self.opened.is_some() && self.closed.is_none()
    }

    /// Whether an agency is aboard.
    pub fn has_aboard(&self, agency: &str) -> bool {
        self.agencies.get(agency).copied().unwrap_or(false)
    }
}

/// A visit to be made.
#[derive(Clone, Copy, Debug)]
pub struct New<'a> {
    /// District of the device.
    pub district: &'a DistrictCode,
    /// Unit that goes.
    pub unit: &'a UnitId,
    /// What people call it.
    pub label: &'a str,
    /// The local day.
    pub date: Date,
    /// Village.
    pub village: Option<&'a VillageCode>,
    /// Service point in the village.
    pub point: Option<&'a str>,
    /// Leader of the team.
    pub lead: Option<&'a str>,
    /// Codes of the agencies aboard.
    pub agencies: &'a [String],
    /// When it is opened.
    pub opened: Timestamp,
    /// Minutes east of UTC.
    pub offset_minutes: i16,
}

impl New<'_> {
    /// Writes the visit into a new document.
    ///
    /// # Errors
    /// A text is too long, or the document is not new.
    pub fn write(&self, edit: &mut Edit) -> Result<(), EditError> {
        let date = self.date.to_string();
        let texts = [
            (key::DISTRICT, Some(self.district.as_str())),
            (key::UNIT, Some(self.unit.as_str())),
            (key::LABEL, Some(self.label)),
            (key::DATE, Some(date.as_str())),
            (key::VILLAGE, self.village.map(VillageCode::as_str)),
            (key::POINT, self.point),
            (key::LEAD, self.lead),
        ];
        put_texts(edit, &texts)?;
        edit.make(&[key::AGENCIES])?;
        edit.make(&[key::SURVEY])?;
        for agency in self.agencies {
            set_aboard(edit, agency, true)?;
        }
        edit.put(&[key::OPENED], &Scalar::Timestamp(self.opened))?;
        edit.put(&[key::OFFSET], &Scalar::Int(self.offset_minutes.into()))
    }
}

/// Takes an agency aboard, or off.
///
/// # Errors
/// The code is too long, or the document is no visit.
pub fn set_aboard(edit: &mut Edit, agency: &str, aboard: bool) -> Result<(), EditError> {
    edit.put(&[key::AGENCIES, agency], &Scalar::Boolean(aboard))
}

/// Ends the visit, or goes on with it where `at` is `None`.
///
/// # Errors
/// The document is no visit.
pub fn set_closed(edit: &mut Edit, at: Option<Timestamp>) -> Result<(), EditError> {
    match at {
        Some(at) => edit.put(&[key::CLOSED], &Scalar::Timestamp(at)),
        None => edit.delete(&[key::CLOSED]),
    }
}

/// Sets the village, service point and leader that are given.
///
/// # Errors
/// A text is too long, or the document is no visit.
pub fn set_place(
    edit: &mut Edit,
    village: Option<&VillageCode>,
    point: Option<&str>,
    lead: Option<&str>,
) -> Result<(), EditError> {
    put_texts(
        edit,
        &[(key::VILLAGE, village.map(VillageCode::as_str)), (key::POINT, point), (key::LEAD, lead)],
    )
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;
    use crate::{
        document::{
            History,
            case::tests::{VAN, save},
        },
        id::Kind,
    };

    #[test]
    fn a_visit_is_opened_read_and_closed() {
        let new = New {
            district: &"53.02".parse().expect("a district"),
            unit: &"V01".parse().expect("a unit"),
            label: "Noebesi",
            date: date!(2026 - 11 - 20),
            village: None,
            point: Some("Balai desa"),
            lead: None,
            agencies: &["DUK".to_owned(), "TAS".to_owned()],
            opened: Timestamp(1_000),
            offset_minutes: 480,
        };
        let mut history = History::default();
        let mut edit = Edit::create(crate::id::DocumentId::new([0; 10], Kind::Visit, 1), VAN);
        new.write(&mut edit).expect("within the schema");
        save(&mut edit, &mut history);
        let visit = Visit::read(&View::of(&history));
        assert_eq!(visit.date.as_deref(), Some("2026-11-20"));
        assert!(visit.is_open() && visit.has_aboard("DUK") && !visit.has_aboard("KES"));

        set_closed(&mut edit, Some(Timestamp(2_000))).expect("allowed");
        set_aboard(&mut edit, "TAS", false).expect("allowed");
        set_place(&mut edit, None, None, Some("Ibu Tefa")).expect("allowed");
        save(&mut edit, &mut history);
        let visit = Visit::read(&View::of(&history));
        assert!(!visit.is_open() && !visit.has_aboard("TAS"));
        assert_eq!(visit.lead.as_deref(), Some("Ibu Tefa"));
        set_closed(&mut edit, None).expect("allowed");
        save(&mut edit, &mut history);
        assert!(Visit::read(&View::of(&history)).is_open());
    }
}
