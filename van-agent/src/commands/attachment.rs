//! `case attach`, `case detach` and `case attachment`.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use shared::{desk::files, document::attachment::Kind};

use super::{Desk, field};
use crate::{
    attachment::{
        self,
        scans::{self, Unfit},
        thumbnail,
    },
    host::output::Failure,
    request::Request,
    settings::Setting,
};

pub(super) fn attach(
    desk: &mut Desk,
    case: String,
    file: &Path,
    kind: Option<Kind>,
    name: Option<String>,
) -> anyhow::Result<()> {
    // Decoding takes a moment and memory: here rather than where everybody waits for the store.
    let small = thumbnail::of(&attachment::read(file)?);
    let thumbnail = small.map(|bytes| data_encoding::BASE64.encode(&bytes));
    let file = absolute(file)?;
    let done = desk.ask(Request::CaseAttach { case, file, kind, name, thumbnail })?;
    desk.printer.value(&done)?;
    let size = files::in_bytes(done["size"].as_u64().unwrap_or(0));
    let (slip, id) = (field(&done, "slip"), short(&done));
    if done["changed"] == true {
        desk.printer.text(format_args!(
            "Attached {id} to {slip}: {}, {}, {size}. It follows the records when there is coverage.",
            field(&done, "kind"),
            field(&done, "type"),
        ))?;
    } else {
        desk.printer.text(format_args!("{slip} has this file already: {id}."))?;
    }
    Ok(())
}

pub(super) fn detach(
    desk: &mut Desk,
    case: String,
    attachment: String,
    reason: String,
) -> anyhow::Result<()> {
    let done = desk.ask(Request::CaseDetach { case, attachment, reason })?;
    desk.printer.value(&done)?;
    desk.printer.text(format_args!(
        "Took {} away from {}. What was written of it stays; the file is not handed over any more.",
        short(&done),
        field(&done, "slip")
    ))?;
    Ok(())
}

pub(super) fn write(
    desk: &mut Desk,
    case: String,
    attachment: String,
    out: &Path,
    thumbnail: bool,
) -> anyhow::Result<()> {
    let out = absolute(out)?;
    let done = desk.ask(Request::CaseAttachment { case, attachment, out, thumbnail })?;
    desk.printer.value(&done)?;
    desk.printer.text(format_args!("Wrote {} ({} bytes).", field(&done, "out"), done["bytes"]))?;
    Ok(())
}

pub(super) fn scans(desk: &mut Desk, limit: usize) -> anyhow::Result<()> {
    let mut folder = String::new();
    desk.access.ask(Request::SettingList, &mut |set| {
        if set["setting"] == Setting::ScannerFolder.as_str() {
            folder = field(&set, "value").to_owned();
        }
        true
    })?;
    if folder.is_empty() {
        return Err(Failure::new("the scanner's folder is not set")
            .next("name it: van-agent settings set scanner_folder /home/van/scans")
            .into());
    }
    for scan in scans::newest(Path::new(&folder), limit)? {
        let file = Path::new(&folder).join(&scan.name);
        let unfit = scan.unfit.map(Unfit::as_str);
        desk.printer.value(&json!({"file": file, "name": scan.name, "size": scan.size, "unfit": unfit}))?;
        let why = match scan.unfit {
            None => "",
            Some(Unfit::Empty) => "  cannot be attached: it is empty",
            Some(Unfit::Large) => {
                "  cannot be attached: it is larger than 20 MB; scan it with fewer dots per inch"
            }
        };
        desk.printer.text(format_args!("{}  {}{why}", file.display(), files::in_bytes(scan.size)))?;
    }
    Ok(())
}

/// A path that means the same in another process.
fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
}

fn short(done: &Value) -> String {
    field(done, "attachment").chars().take(8).collect()
}
