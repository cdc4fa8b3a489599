//! When and where the hub is likely to be reached next, from when it was reached before and which visit was open then.

use shared::{store::read_model::VisitRow, time::Timestamp};

/// Contacts from which an hour of the day is called likely.
const LIKELY_MIN: usize = 3;
/// Places that are told.
const PLACES_MAX: usize = 3;

/// What is known of coverage.
#[derive(serde::Serialize, Debug, Clone, PartialEq, Eq)]
pub(super) struct Coverage {
    /// The local hour in which the hub was reached most often, if there is one that says something.
    hour: Option<usize>,
    /// Contacts in that hour.
    contacts: usize,
    /// Contacts that are remembered.
    of: usize,
    /// When a likely hour comes next, or began if it is now: RFC 3339.
    next: Option<String>,
    /// Villages in which it was reached while a visit was open there, the one reached last first.
    places: Vec<Place>,
    /// The local zone's name.
    zone: &'static str,
}

/// A village in which the hub was reached.
#[derive(serde::Serialize, Debug, Clone, PartialEq, Eq)]
struct Place {
    village: String,
    contacts: usize,
    /// When last: RFC 3339.
    last: String,
}

impl Coverage {
    /// From `contacts`, the oldest first; visits are looked at in their order, `local` is the zone's offset in minutes
    /// and its name.
    pub(super) fn of(
        contacts: &[Timestamp],
        visits: &[VisitRow],
        now: Timestamp,
        (offset_minutes, zone): (i16, &'static str),
    ) -> Self {
        let hour_of =
            |at: Timestamp| -> Option<usize> { at.to_rfc3339(offset_minutes).get(11..13)?.parse().ok() };
        let mut hours = [0_usize; 24];
        for hour in contacts.iter().filter_map(|at| hour_of(*at)) {
            hours[hour % 24] += 1;
        }
        let best = (0..24).max_by_key(|hour| (hours[*hour], *hour)).unwrap_or(0);
        let is_likely = |hour: usize| hours[hour % 24] >= LIKELY_MIN;
        let soonest = hour_of(now).and_then(|hour| (0..24).find(|ahead| is_likely(hour + ahead)));
        let mut places: Vec<Place> = Vec::new();
        for at in contacts.iter().rev() {
            let Some(village) = visits.iter().find_map(|visit| village_at(visit, *at, offset_minutes)) else {
                continue;
            };
            match places.iter_mut().find(|place| place.village == village) {
                Some(place) => place.contacts += 1,
                None => places.push(Place {
                    village: village.to_owned(),
                    contacts: 1,
                    last: at.to_rfc3339(offset_minutes),
                }),
            }
        }
        places.truncate(PLACES_MAX);
        Self {
            hour: is_likely(best).then_some(best),
            contacts: hours[best],
            of: contacts.len(),
            next: soonest.map(|ahead| full_hour(now, ahead).to_rfc3339(offset_minutes)),
            places,
            zone,
        }
    }
}

/// The beginning of the hour in which `now` is, so many hours later. Zones here are whole hours from UTC.
fn full_hour(now: Timestamp, hours: usize) -> Timestamp {
    const HOUR: i64 = 3_600_000;
    Timestamp((now.0.div_euclid(HOUR) + hours as i64) * HOUR)
}

/// The village of a visit that was open at `at`; one that nobody has closed was so until its day ended.
fn village_at(visit: &VisitRow, at: Timestamp, offset_minutes: i16) -> Option<&str> {
    let opened = Timestamp(visit.opened?);
    let is_before_end = match visit.closed {
        Some(closed) => at.0 <= closed,
        None => at.day(offset_minutes) == opened.day(offset_minutes),
    };
    (opened.0 <= at.0 && is_before_end).then_some(visit.village.as_deref()?)
}

#[cfg(test)]
mod tests {
    use shared::id::DocumentId;

    use super::*;

    const WITA: (i16, &str) = (480, "WITA");

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("a time").0
    }

    fn visit(village: &str, opened: &str, closed: Option<&str>) -> VisitRow {
        VisitRow {
            document: DocumentId([0; 16]),
            unit: "V01".to_owned(),
            label: village.to_owned(),
            date: opened[..10].to_owned(),
            village: Some(village.to_owned()),
            opened: Some(at(opened).0),
            closed: closed.map(|closed| at(closed).0),
        }
    }

    #[test]
    fn the_next_likely_hour_and_the_places_are_told() {
        let contacts = [
            "2026-11-17T16:10:00+08:00",
            "2026-11-18T16:40:00+08:00",
            "2026-11-19T09:30:00+08:00",
            "2026-11-19T16:05:00+08:00",
        ];
        let contacts = contacts.map(at);
        let visits = [
            visit("53.02.01.2001", "2026-11-18T08:00:00+08:00", Some("2026-11-18T17:00:00+08:00")),
            visit("53.02.02.2002", "2026-11-19T08:00:00+08:00", Some("2026-11-19T12:00:00+08:00")),
        ];
        let found = Coverage::of(&contacts, &visits, at("2026-11-20T10:20:00+08:00"), WITA);
        assert_eq!((found.hour, found.contacts, found.of), (Some(16), 3, 4));
        assert_eq!(found.next.as_deref(), Some("2026-11-20T16:00:00+08:00"));
        let places: Vec<_> = found.places.iter().map(|place| (&*place.village, place.contacts)).collect();
        assert_eq!(places, [("53.02.02.2002", 1), ("53.02.01.2001", 1)], "the one reached last first");
        let late = Coverage::of(&contacts, &visits, at("2026-11-20T17:20:00+08:00"), WITA);
        assert_eq!(late.next.as_deref(), Some("2026-11-21T16:00:00+08:00"), "tomorrow, once today's is over");
        let amid = Coverage::of(&contacts, &visits, at("2026-11-20T16:59:00+08:00"), WITA);
        assert_eq!(amid.next.as_deref(), Some("2026-11-20T16:00:00+08:00"), "now");
    }

    #[test]
    fn a_visit_that_nobody_closed_ends_with_its_day_and_few_contacts_make_no_hour_likely() {
        let contacts = ["2026-11-18T16:10:00+08:00", "2026-11-19T16:10:00+08:00"].map(at);
        let visits = [visit("53.02.01.2001", "2026-11-18T08:00:00+08:00", None)];
        let found = Coverage::of(&contacts, &visits, at("2026-11-20T10:20:00+08:00"), WITA);
        assert_eq!((found.hour, &found.next), (None, &None));
        assert_eq!(found.places.len(), 1);
        assert_eq!((found.places[0].contacts, &*found.places[0].last), (1, "2026-11-18T16:10:00+08:00"));
    }
}
