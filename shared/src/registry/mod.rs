//! Registries: what the hub alone decides and every laptop knows — villages, service points, the
//! catalogue, units, officers, devices. Not CRDTs: a table has one writer.
//!
//! A [`Table`] is rows of canonical JSON by key. Its [`Version`] is a hash of all of them, so equal
//! versions are equal tables. The hub signs [`signed_message`] of a version; a [`Difference`] leads
//! from one version to another and [`Table::apply`] refuses every result but the promised one, so
//! the signature over the version covers each row. Rows and kinds that this version cannot read are
//! kept, hashed and passed on: they change nothing for those that it can read.
//!
//! In reading order: [`Kind`]; [`Table`] and [`Difference`]; the typed rows in [`row`], [`lease`] among them; the
//! lookups of [`Registries`]; [`import`], which reads what people hand the hub.

mod code;
mod difference;
pub mod import;
mod kind;
pub mod lease;
mod lookup;
mod prelist;
pub mod row;
mod table;

pub use code::{AgencyCode, OfficerId, PointId, ServiceCode};
pub use difference::{ApplyError, DIFFERENCE_ROWS_MAX, Difference, diff};
pub use kind::{Kind, OtherKind, ParseKindError};
pub use lookup::{Registries, UnreadableRow};
pub use row::Row;
pub use table::{Table, TooLongError, Version, canonical};

use crate::id::DistrictCode;

/// The bytes over which the hub signs that `version` is the district's registry of this kind.
pub fn signed_message(district: &DistrictCode, kind: &Kind, version: &Version) -> Vec<u8> {
    let mut message = b"keliling registry 1\0".to_vec();
    for part in [district.as_str().as_bytes(), kind.as_str().as_bytes(), version.as_bytes()] {
        // A code, a kind's name and a version are all shorter than 256 bytes.
        message.push(part.len() as u8);
        message.extend_from_slice(part);
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_over_district_kind_and_version() {
        let district: DistrictCode = "53.02".parse().expect("valid");
        let message = signed_message(&district, &Kind::Units, &Version([7; 16]));
        assert_eq!(message, b"keliling registry 1\0\x0553.02\x05units\x10\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07");
    }
}
