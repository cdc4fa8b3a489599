//! `hub-server slip`.

use van_agent::host::slips;

use super::ask::Desk;
use crate::{cli::Slip, request::Request};

pub(super) fn slip(mut desk: Desk, slip: Slip) -> anyhow::Result<()> {
    let Slip::Verify(options) = slip;
    let verified = desk.ask(&Request::SlipVerify { typed: options.typed()?, name: options.name })?;
    desk.printer.value(&verified)?;
    desk.printer.text(slips::lines(&verified))?;
    Ok(slips::judged(&verified)?)
}
