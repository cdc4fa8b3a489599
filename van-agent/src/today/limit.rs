//! How much of its legal time a case has used up. The time runs from the day on which its documents were complete.

use shared::{
    registry::{
        Registries,
        row::{LimitUnit, Service},
    },
    time::Timestamp,
};
use time::{Date, Weekday};

const HOUR_MILLISECONDS: i64 = 3_600_000;

/// A time limit that is running.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Running {
    /// Hundredths of the time that are used up; over 100 where it has passed.
    pub(super) percent: u32,
    /// Units that are left, rounded up; 0 where it has passed.
    pub(super) left: u32,
    /// What they count.
    pub(super) unit: LimitUnit,
}

/// The time of a service that began at `since`; `None` where it has no limit.
pub(super) fn running(
    registries: &Registries,
    service: &Service,
    since: Timestamp,
    now: Timestamp,
    offset_minutes: i16,
) -> Option<Running> {
    let (limit, unit) = (service.sla_value.filter(|limit| *limit > 0)?, service.sla_unit?);
    let hours = |each: i64| {
        let whole = i64::from(limit) * each * HOUR_MILLISECONDS;
        let used = (now.0 - since.0).clamp(0, i64::MAX / 100);
        let piece = each * HOUR_MILLISECONDS;
        let left = ((whole - used).max(0) + piece - 1) / piece;
        (used * 100 / whole, left)
    };
    let (percent, left) = match unit {
        LimitUnit::Hour => hours(1),
        LimitUnit::Day => hours(24),
        LimitUnit::Workday => {
            let used = workdays(registries, since.day(offset_minutes), now.day(offset_minutes));
            (used * 100 / i64::from(limit), (i64::from(limit) - used).max(0))
        }
    };
    let whole = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
    Some(Running { percent: whole(percent), left: whole(left), unit })
}

/// The latest begin of which `percent` hundredths of a service's time are used up, as [`running`] counts; `None` where it
/// has no limit.
pub(super) fn begun_by(
    registries: &Registries,
    service: &Service,
    percent: u32,
    now: Timestamp,
    offset_minutes: i16,
) -> Option<Timestamp> {
    let (limit, unit) = (service.sla_value.filter(|limit| *limit > 0)?, service.sla_unit?);
    let (limit, percent) = (i64::from(limit), i64::from(percent));
    let hours = |each: i64| {
        let whole = (percent * limit).saturating_mul(each * HOUR_MILLISECONDS);
        now.0.saturating_sub(whole.saturating_add(99) / 100)
    };
    let at = match unit {
        LimitUnit::Hour => hours(1),
        LimitUnit::Day => hours(24),
        LimitUnit::Workday => {
            let (mut day, mut used) = (now.day(offset_minutes), 0);
            while used * 100 < percent * limit {
                used += i64::from(is_workday(registries, day));
                day = day.previous_day()?;
            }
            let next = day.next_day()?.midnight().assume_utc().unix_timestamp();
            (next - i64::from(offset_minutes) * 60) * 1_000 - 1
        }
    };
    Some(Timestamp(at))
}

/// Days behind `since` up to `today` that are neither weekends nor holidays.
fn workdays(registries: &Registries, since: Date, today: Date) -> i64 {
    let mut count = 0;
    let mut day = since;
    while let Some(next) = day.next_day().filter(|next| *next <= today) {
        count += i64::from(is_workday(registries, next));
        day = next;
    }
    count
}

fn is_workday(registries: &Registries, day: Date) -> bool {
    let is_weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
    !is_weekend && registries.holiday(day).is_none()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn service(value: u32, unit: &str) -> Service {
        serde_json::from_value(json!({
            "code": "KES-SIP", "agency_code": "KES", "agency": "Dinkes", "name_id": "SIP", "name_en": "SIP",
            "offline_mode": "intake", "tariff": "gratis", "sla_value": value, "sla_unit": unit
        }))
        .expect("a service")
    }

    #[test]
    fn a_limit_in_working_days_leaves_out_weekends() {
        let at = |text: &str| Timestamp::parse(text).expect("a time").0;
        let of = |service: &Service, since: &str, now: &str| {
            let found = running(&Registries::default(), service, at(since), at(now), 480).expect("a limit");
            (found.percent, found.left)
        };
        let five = service(5, "workday");
        // A Friday; the days after it are a weekend.
        let friday = "2026-11-20T16:00:00+08:00";
        assert_eq!(of(&five, friday, "2026-11-20T23:00:00+08:00"), (0, 5));
        assert_eq!(of(&five, friday, "2026-11-22T23:00:00+08:00"), (0, 5));
        assert_eq!(of(&five, friday, "2026-11-23T00:30:00+08:00"), (20, 4));
        assert_eq!(of(&five, friday, "2026-11-30T08:00:00+08:00"), (120, 0));
        assert_eq!(of(&five, friday, "2026-11-01T08:00:00+08:00"), (0, 5), "a clock that went back");
        let hours = service(24, "hour");
        assert_eq!(of(&hours, friday, "2026-11-21T03:30:00+08:00"), (47, 13));
        assert_eq!(of(&service(2, "day"), friday, "2026-11-22T15:00:00+08:00"), (97, 1));
        let mut none = service(1, "day");
        none.sla_value = None;
        assert_eq!(running(&Registries::default(), &none, Timestamp(0), Timestamp(1), 480), None);
    }

    #[test]
    fn the_latest_begin_of_a_gate_is_where_the_gate_is_passed() {
        let registries = Registries::default();
        for (value, unit) in
            [(24, "hour"), (7, "hour"), (3, "day"), (5, "workday"), (14, "workday"), (1, "workday")]
        {
            let service = service(value, unit);
            for now in ["2026-11-20T16:00:01+08:00", "2026-11-22T00:00:00+08:00", "2026-11-23T07:59:59+08:00"]
            {
                let now = Timestamp::parse(now).expect("a time").0;
                for percent in [50, 80, 100] {
                    let at = begun_by(&registries, &service, percent, now, 480).expect("a limit");
                    let used =
                        |since| running(&registries, &service, since, now, 480).expect("a limit").percent;
                    assert!(
                        used(at) >= percent && used(Timestamp(at.0 + 1)) < percent,
                        "{value} {unit} {percent}"
                    );
                }
            }
        }
    }
}
