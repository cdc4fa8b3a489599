//! `hub-server person`.

use super::ask::Desk;
use crate::cli::Person;

pub(super) fn person(_: Desk, _: Person) -> anyhow::Result<()> {
    Ok(())
}
