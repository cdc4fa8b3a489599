//! Numbers of agencies that number their cases centrally, taken offline from what the hub has lent to this laptop.
//!
//! A lease of such numbers is bound to a laptop's letter, which no other life of any laptop ever has: two laptops, or
//! one whose disk went back in time, never take the same.

use shared::{
    desk::{
        blanks::{Lent, lent},
        warnings::{Code, Warning},
    },
    registry::{
        lease::{Lease, LeaseKind},
        row::Service,
    },
    store::{self, StoreError},
    sync::{station::Place, writing::Writing},
    time::Zone,
};

use crate::blank::running_out;

/// A number that was taken, and what is to be said of it.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) number: Option<String>,
    /// What belongs to the case.
    pub(super) warning: Option<Warning>,
    /// What whoever records is told, and no case keeps.
    pub(super) told: Option<String>,
}

/// The name of the counter of a lease's numbers.
pub(crate) fn counter(lease: &Lease) -> String {
    format!("lease/{}", lease.lease)
}

/// The next number for a case of `service`: none where its agency's numbers were never lent to this laptop.
pub(super) fn take(writing: &Writing<'_>, place: &Place, service: &Service) -> Result<Taken, StoreError> {
    let today = writing.now.wall.day(Zone::of(&place.district).offset_minutes());
    let kind = LeaseKind::Slip(service.agency_code.clone());
    let mine = |lease: &&Lease| {
        lease.kind == kind
            && lease.is_in_force()
            && place.unit.as_ref() == Some(&lease.unit)
            && lease.letter.as_ref() == Some(&place.letter)
    };
    let mut leases: Vec<Lent> = Vec::new();
    for lease in writing.registries.leases().filter(mine) {
        leases.push(lent(lease, store::counter(writing.tx, &counter(lease))?, today));
    }
    if leases.is_empty() {
        return Ok(Taken::default());
    }
    leases.sort_by_key(|lent| lent.over);
    let Some(from) = leases.iter().find(|lent| lent.gone < lent.numbers) else {
        let words = format!(
            "no number of {} was taken: all that were lent to this laptop are used",
            service.agency_code
        );
        return Ok(Taken { warning: Some((Code::Lease, words)), ..Taken::default() });
    };
    let number = from.lease.range.at(store::next(writing.tx, &counter(&from.lease))? - 1);
    let after = lent(&from.lease, from.gone + 1, today);
    let left: u64 = leases.iter().filter(|lent| !lent.over).map(|lent| lent.numbers - lent.gone).sum();
    let all: u64 = leases.iter().filter(|lent| !lent.over).map(|lent| lent.numbers).sum();
    Ok(Taken {
        warning: after.over.then(|| (Code::Lease, running_out(&after))),
        told: (!after.over && (left - 1) * 10 < all).then(|| running_out(&after)),
        number: number.map(|number| number.to_string()),
    })
}
