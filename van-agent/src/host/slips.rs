//! What both programs do with a slip that somebody brings: read it, judge it and say what it is worth.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use shared::{
    desk::{because::Explained as _, slips},
    registry::Registries,
    stamp::{Stamp, StampError},
    store::Tx,
    sync::station::Station,
};

use crate::host::{
    output::Failure,
    picture::{self, Sought},
    typed,
};

/// Options of `slip verify`.
#[derive(Args, Clone, Debug)]
pub struct Verify {
    /// What its QR says, KLS1-...; `-` for standard input.
    #[arg(required_unless_present = "image", num_args = 1..)]
    pub text: Vec<String>,
    /// A photo or scan of it, JPEG or PNG.
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    pub image: Option<PathBuf>,
    /// The name on the paper, to be held against the one that was signed.
    #[arg(long)]
    pub name: Option<String>,
}

impl Verify {
    /// What the QR says.
    ///
    /// # Errors
    /// The picture or standard input cannot be read, or no slip is found in it.
    pub fn typed(&self) -> Result<String, Failure> {
        match &self.image {
            Some(file) => picture::text_in_file(file, Sought::Slip),
            None => typed::text(&self.text),
        }
    }
}

/// Judges what somebody typed or scanned of a slip, by what is known here.
///
/// # Errors
/// It is no slip, or the store fails.
pub fn verify(
    tx: Tx<'_>,
    station: &Station,
    registries: &Registries,
    typed: &str,
    name: Option<&str>,
) -> Result<Value, Failure> {
    let stamp: Stamp = typed.parse().map_err(|error: StampError| {
        Failure::usage(format!("that is no slip: {error}"))
            .because(error.because())
            .next("scan the QR again, or ask for the slip number alone: `case show NUMBER`")
    })?;
    let verified = slips::verify(tx, station, registries, &stamp, name);
    verified.map(|verified| json!(verified)).map_err(|error| Failure::new(error.to_string()).why("other"))
}

/// What a slip is worth, in words.
pub fn lines(verified: &Value) -> String {
    let text = |value: &Value, name: &str| value[name].as_str().unwrap_or("-").to_owned();
    let state = if verified["state"] == "registered" { "TERDAFTAR" } else { "TERCATAT, belum TERDAFTAR" };
    let laptop =
        verified["laptop"].as_str().map_or_else(|| format!("laptop {}", verified["device"]), str::to_owned);
    let verdict = match verified["verdict"].as_str() {
        Some("valid") => format!("VALID: signed by {laptop}"),
        Some("invalid") => format!("ALARM: {laptop} did not sign this"),
        _ => format!("UNKNOWN: nothing is known here of {laptop}, who may have signed this"),
    };
    let mut lines = vec![
        verdict,
        format!(
            "{}  {}  {}  {state}, slip {}{}",
            text(verified, "slip"),
            text(verified, "service"),
            text(verified, "recorded"),
            verified["revision"],
            verified["replaces"]
                .as_u64()
                .map_or_else(String::new, |earlier| format!(" (PENGGANTI {earlier})")),
        ),
    ];
    if let Some(standing) = verified["standing"].as_str() {
        let since =
            verified["standing_since"].as_str().map_or_else(String::new, |since| format!(" since {since}"));
        lines.push(format!("WARNING: laptop {laptop} is {standing}{since}: compare the slip with the case"));
    }
    match verified["name_agrees"].as_bool() {
        Some(true) => lines.push("The name is the one that was signed.".to_owned()),
        Some(false) => lines.push("WARNING: another name was signed than the one given".to_owned()),
        None => {}
    }
    let cases = verified["cases"].as_array().map_or(&[][..], Vec::as_slice);
    for case in cases {
        let replaced = if case["replaced"] == true {
            format!("; DIGANTI: slip {} of this case counts now", case["revision"])
        } else {
            String::new()
        };
        let name =
            if case["name_agrees"] == true { "" } else { "; the case names somebody else than the paper" };
        lines.push(format!("Case {}: {}{replaced}{name}", text(case, "case"), text(case, "status")));
        if let Some(at) = case["death"].as_str() {
            lines.push(format!("The subject's death was reported on {}", at.get(..10).unwrap_or(at)));
        }
    }
    if cases.is_empty() && verified["verdict"] == "valid" {
        lines.push("The case is not on this machine, so whether it was replaced is not known.".to_owned());
    }
    lines.join("\n")
}

/// Whether a slip is good for anything.
///
/// # Errors
/// It is not, and what to do then.
pub fn judged(verified: &Value) -> Result<(), Failure> {
    match verified["verdict"].as_str() {
        Some("valid") => Ok(()),
        Some("invalid") => Err(Failure::new("this slip is not valid: the laptop that it names did not sign it")
            .next("do not trust it; look the number up with `case show`, and tell the hub operator")),
        _ => Err(Failure::new("this slip cannot be verified here: its laptop is not known").next(
            "give `van-agent sync`: an exchange brings the keys of all laptops of the district; then verify again",
        )),
    }
}
