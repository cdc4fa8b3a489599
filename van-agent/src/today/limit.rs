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

/// Days behind `since` up to `today` that are neither weekends nor holidays.
fn workdays(registries: &Registries, since: Date, today: Date) -> i64 {
    let mut count = 0;
    let mut day = since;
    while let Some(next) = day.next_day().filter(|next| *next <= today) {
        let is_weekend = matches!(next.weekday(), Weekday::Saturday | Weekday::Sunday);
        count += i64::from(!is_weekend && registries.holiday(next).is_none());
        day = next;
    }
    count
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
}
