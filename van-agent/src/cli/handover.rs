//! `handover`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use shared::collection::{Collector, Received};

/// What to do with products.
#[derive(Subcommand, Clone, Debug)]
pub enum HandOver {
    /// Products that wait to be collected, or that match words.
    #[command(
        after_help = "Example:\n  van-agent handover list nahak\n  van-agent handover list --with \"Kepala Desa Niki-Niki\" --json"
    )]
    List {
        /// Words; all products where none are given.
        text: Vec<String>,
        /// Only what this person took along.
        #[arg(long, value_name = "NAME", conflicts_with = "text")]
        with: Option<String>,
        /// So many of each state at most.
        #[arg(long, value_name = "COUNT", default_value_t = 1_000)]
        limit: usize,
    },
    /// What the hub marked ready for this unit: what is aboard, and what is missing.
    #[command(
        after_help = "Example:\n  van-agent handover manifest --json\n  van-agent handover manifest nahak"
    )]
    Manifest {
        /// Words, or a slip number; everything where nothing is given.
        text: Vec<String>,
    },
    /// Products are aboard.
    #[command(
        after_help = "Everything of the manifest is loaded 200 at a time; the answer says how many are left.\n\nExample:\n  van-agent handover load 53.02/V01A/20261121/0042-E\n  van-agent handover load --all"
    )]
    Load {
        /// Slip numbers or ids.
        #[arg(value_name = "CASE", required_unless_present = "all")]
        cases: Vec<String>,
        /// Everything that is ready for this unit.
        #[arg(long, conflicts_with = "cases")]
        all: bool,
    },
    /// Hand products over to who may collect them.
    #[command(
        after_help = "Example:\n  van-agent handover give 53.02/V01A/20261121/0042-E --collector subject --received thumb\n  van-agent handover give 53.02/V01A/20261121/0042-E --collector family --with \"Maria Taek\" --received pad --signature mark.png"
    )]
    Give(Give),
    /// Entrust products to one person, who hands them over and brings a list back.
    #[command(
        after_help = "Example:\n  van-agent handover entrust 53.02/V01A/20261121/0042-E --with \"Kepala Desa Niki-Niki\""
    )]
    Entrust {
        /// Slip numbers or ids.
        #[arg(value_name = "CASE", required = true)]
        cases: Vec<String>,
        /// Their name.
        #[arg(long, value_name = "NAME")]
        with: String,
        /// Who that is: subject, family, proxy or village_head.
        #[arg(long, value_name = "WHO", default_value = "village_head")]
        collector: Collector,
    },
    /// The list of whoever took products along came back: they are with their owners, all in one transaction.
    #[command(
        after_help = "Example:\n  van-agent handover returned --with \"Kepala Desa Niki-Niki\"\n  van-agent handover returned 53.02/V01A/20261121/0042-E"
    )]
    Returned {
        /// Slip numbers or ids.
        #[arg(value_name = "CASE", required_unless_present = "with")]
        cases: Vec<String>,
        /// Everything that this person took along.
        #[arg(long, value_name = "NAME", conflicts_with = "cases")]
        with: Option<String>,
        /// How the list was marked: signature or thumb.
        #[arg(long, value_name = "HOW", default_value = "thumb")]
        received: Received,
    },
    /// Products go back to stock.
    #[command(
        after_help = "Example:\n  van-agent handover back 53.02/V01A/20261121/0042-E --reason \"tidak ditemukan\""
    )]
    Back(Reasoned),
    /// Products went into wrong hands: an alarm, at the hub too, until it is settled.
    #[command(
        after_help = "Settle it with `van-agent amend CASE --set alarm= --reason TEXT`.\n\nExample:\n  van-agent handover wrong-hands 53.02/V01A/20261121/0042-E --reason \"diambil orang senama\""
    )]
    WrongHands(Reasoned),
}

/// Products that go into somebody's hands.
#[derive(Args, Clone, Debug)]
pub struct Give {
    /// Slip numbers or ids.
    #[arg(value_name = "CASE", required = true)]
    pub cases: Vec<String>,
    /// Who collects: subject, family, proxy or village_head.
    #[arg(long, value_name = "WHO")]
    pub collector: Collector,
    /// Their name, where that is not the subject.
    #[arg(long, value_name = "NAME")]
    pub with: Option<String>,
    /// How they confirm it: signature or thumb on paper, or pad.
    #[arg(long, value_name = "HOW")]
    pub received: Received,
    /// The picture of the signature on the pad, a PNG of at most 100 KB.
    #[arg(long, value_name = "FILE", required_if_eq("received", "pad"))]
    pub signature: Option<PathBuf>,
}

/// Products and a reason.
#[derive(Args, Clone, Debug)]
pub struct Reasoned {
    /// Slip numbers or ids.
    #[arg(value_name = "CASE", required = true)]
    pub cases: Vec<String>,
    /// Why, or what happened.
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
}
