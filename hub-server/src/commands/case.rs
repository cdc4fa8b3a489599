//! `hub-server case` and `find`.

use super::ask::Desk;
use crate::cli::{Case, Find};

pub(super) fn case(_: Desk, _: Case) -> anyhow::Result<()> {
    Ok(())
}

pub(super) fn find(_: Desk, _: Find) -> anyhow::Result<()> {
    Ok(())
}
