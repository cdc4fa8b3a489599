//! `hub-server bundle`.

use serde_json::Value;
use van_agent::host::output::Failure;

use super::ask::{Desk, text};
use crate::{cli::Bundle, request::Request};

pub(super) fn bundle(mut desk: Desk, options: Bundle) -> anyhow::Result<()> {
    match options {
        Bundle::Import { file } => {
            let file = std::path::absolute(file)?;
            let taken = desk.ask(&Request::BundleImport { file })?;
            desk.printer.value(&taken)?;
            desk.printer.text(format_args!(
                "From {}: {} changes let in, {} batches were here already, {} changes are in quarantine; {} attachments \
                 came.\nWrite the receipts for the way home with `hub-server bundle export FILE`.",
                text(&taken, "maker"),
                taken["changes"],
                taken["known"],
                taken["quarantined"],
                taken["files"],
            ))?;
            let reasons: Vec<_> =
                taken["refused"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            if reasons.is_empty() {
                return Ok(());
            }
            Err(Failure::new(format!("not all of it was taken: {}", reasons.join("; ")))
                .next("what could be taken was; the laptops have the rest still")
                .into())
        }
        Bundle::Export { unit, file } => {
            let file = std::path::absolute(file)?;
            desk.say(&Request::BundleExport { unit, file }, |done| {
                format!("Wrote {}: {} receipts.", text(done, "file"), done["receipts"])
            })
        }
    }
}
