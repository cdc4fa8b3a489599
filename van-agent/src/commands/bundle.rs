//! `bundle`.

use serde_json::Value;
use shared::desk::files;

use super::{Desk, field};
use crate::{
    carry::{CarryAct, FileAct, whole},
    cli::Bundle,
    host::output::Failure,
    request::Request,
};

pub(super) fn bundle(desk: &mut Desk, options: Bundle) -> anyhow::Result<()> {
    let (act, said): (_, fn(&Value) -> String) = match options {
        Bundle::Export { to, budget } => {
            (CarryAct::File(FileAct::Export { to: whole(&to)?, budget }), exported)
        }
        Bundle::Import { file } => (CarryAct::File(FileAct::Import(whole(&file)?)), imported),
        Bundle::Verify { file } => (CarryAct::File(FileAct::Verify(whole(&file)?)), verified),
        Bundle::List => (CarryAct::List, listed),
    };
    let done = desk.ask(Request::Carry { act })?;
    desk.printer.value(&done)?;
    desk.printer.text(said(&done))?;
    let reasons: Vec<_> =
        done["refused"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if reasons.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("not all of it was taken: {}", reasons.join("; ")))
        .next("what could be taken was; whoever made it has the rest still")
        .into())
}

fn exported(done: &Value) -> String {
    let names: Vec<_> = done["files"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut text = format!(
        "Wrote {} ({} bytes): {} changes of this laptop, {} of others, {} receipts and {} notes, {} attachments.\nIt \
         holds citizens' data and is not encrypted: keep the stick as you keep the forms.",
        names.join(" and "),
        done["bytes"],
        done["own_changes"],
        done["carried_changes"],
        done["receipts"],
        done["notes"],
        done["attachments"],
    );
    if done["attachments_left"] != 0 {
        let bytes = files::in_bytes(done["attachment_bytes_left"].as_u64().unwrap_or(0));
        text += &format!(
            "\n{} attachments ({bytes}) found no room: they stay on this laptop.",
            done["attachments_left"]
        );
    }
    if done["left"] != 0 {
        text += "\nNot everything found room: sync, or write another one once this one has arrived.";
    }
    text
}

/// What came of a bundle, or of meeting another laptop.
pub(super) fn imported(done: &Value) -> String {
    format!(
        "From {}: {} changes of others are carried from now on, {} batches were known; receipts cover {} changes more \
         of this laptop, {} receipts are for others; {} notes say who carries for this laptop; {} attachments came, {} of this laptop \
         are at the hub.",
        field(done, "maker"),
        done["changes"],
        done["known"],
        done["receipted"],
        done["homeward"],
        done["notes"],
        done["files"],
        done["files_receipted"],
    )
}

fn verified(done: &Value) -> String {
    format!(
        "Every byte is as {} wrote it at {}: {} batches, {} receipts, {} notes, {} attachments.",
        field(done, "maker"),
        field(done, "at"),
        done["batches"],
        done["receipts"],
        done["notes"],
        done["attachments"],
    )
}

fn listed(done: &Value) -> String {
    let rows = |name: &str| done[name].as_array().cloned().unwrap_or_default();
    let mut lines = Vec::new();
    for row in rows("carrying") {
        let refused = row["refused"].as_str().map_or_else(String::new, |why| format!("; the hub: {why}"));
        lines.push(format!(
            "carries for {}: {} changes ({} bytes) since {}{refused}",
            field(&row, "laptop"),
            row["changes"],
            row["bytes"],
            field(&row, "since"),
        ));
    }
    for row in rows("files") {
        let why =
            row["why"].as_str().map_or_else(String::new, |why| format!("; cannot be handed over: {why}"));
        let (file, from) = (field(&row, "file"), field(&row, "from"));
        lines.push(format!(
            "carries file {} ({} bytes), given by {from}{why}",
            &file[..file.len().min(8)],
            row["bytes"]
        ));
    }
    for row in rows("carried_by") {
        lines.push(format!(
            "{} signed for {} entries of this laptop at {}",
            field(&row, "laptop"),
            row["entries"],
            field(&row, "at"),
        ));
    }
    for row in rows("homeward") {
        lines.push(format!("brings {} a receipt for {} entries", field(&row, "laptop"), row["entries"]));
    }
    if lines.is_empty() {
        lines.push("Nothing is carried, for others or by others.".to_owned());
    }
    lines.join("\n")
}
