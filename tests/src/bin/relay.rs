//! The link to test on as a program: a line of JSON when it is ready, then one for each command.

use std::{
    io::{self, BufRead, Write},
    net::SocketAddr,
};

use anyhow::Context as _;
use clap::Parser;
use serde_json::{Value, json};
use tests::relay::{Counts, Direction, Passage, Profile, Relay, Stats, Tally, UnknownProfile};

/// Carries UDP and TCP between any clients and one target over a link of a given quality.
///
/// Commands on standard input, each answered by one line of JSON: `cut`, `restore`, `cut-after BYTES`,
/// `block-udp`, `allow-udp`, `target IP:PORT`, `profile NAME`, `packets`, `stats`, `quit`. Bytes are whole IP packets.
#[derive(Parser, Debug)]
#[command(after_help = "Example: relay --target 127.0.0.1:4433 --profile edge --seed 1")]
struct Arguments {
    /// Where the packets go.
    #[arg(long)]
    target: SocketAddr,
    /// clean, edge, vsat, cell or flaky; with -bursts behind it the losses come together.
    #[arg(long, default_value = "clean")]
    profile: Profile,
    /// What decides which packets are lost.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Answers in JSON, which it does anyway.
    #[arg(long)]
    json: bool,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let relay = Relay::start(arguments.target, arguments.profile, arguments.seed).context("start relay")?;
    let mut out = io::stdout().lock();
    writeln!(out, "{}", json!({"ready": true, "addr": relay.addr().to_string()}))?;
    for line in io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<_> = line.split_whitespace().collect();
        if words == ["quit"] {
            break;
        }
        writeln!(out, "{}", answer(&relay, &words, arguments.seed))?;
    }
    writeln!(out, "{}", stats(&relay.stats()))?;
    Ok(())
}

fn answer(relay: &Relay, words: &[&str], seed: u64) -> Value {
    match words {
        ["cut"] => relay.cut(),
        ["restore"] => relay.restore(),
        ["block-udp"] => relay.block_udp(true),
        ["allow-udp"] => relay.block_udp(false),
        ["stats"] => return stats(&relay.stats()),
        ["packets"] => {
            let packets: Vec<_> = relay.passages().iter().map(packet).collect();
            return json!({"ok": true, "packets": packets});
        }
        ["profile", name] => match name.parse() {
            Ok(profile) => relay.reshape(profile, seed),
            Err(error) => return json!({"ok": false, "error": UnknownProfile::to_string(&error)}),
        },
        ["cut-after", bytes] => match bytes.parse() {
            Ok(bytes) => relay.cut_after(bytes),
            Err(_) => return json!({"ok": false, "error": format!("`{bytes}` is no number of bytes")}),
        },
        ["target", target] => match target.parse() {
            Ok(target) => relay.retarget(target),
            Err(_) => {
                return json!({"ok": false, "error": format!("`{target}` is no address such as 127.0.0.1:4433")});
            }
        },
        _ => {
            let error = "commands: cut, restore, cut-after BYTES, block-udp, allow-udp, target IP:PORT, profile NAME, packets, \
                 stats, quit";
            return json!({"ok": false, "error": error});
        }
    }
    json!({"ok": true})
}

fn stats(stats: &Stats) -> Value {
    json!({
        "ok": true,
        "up": counts(&stats.up),
        "down": counts(&stats.down),
        "clients": stats.clients,
        "connections": stats.connections,
        "connections_open": stats.connections_open,
        "cut": stats.severed,
    })
}

/// One packet: milliseconds since the link began.
fn packet(passage: &Passage) -> Value {
    let way = match passage.direction {
        Direction::Up => "up",
        Direction::Down => "down",
    };
    let arrives = passage.arrives.map(|at| at.as_millis());
    json!({"at": passage.at.as_millis(), "way": way, "bytes": passage.bytes, "arrives": arrives})
}

fn counts(counts: &Counts) -> Value {
    json!({
        "offered": tally(counts.offered),
        "sent": tally(counts.sent),
        "lost": tally(counts.lost),
        "overflowed": tally(counts.overflowed),
        "cut": tally(counts.cut),
        "blocked": tally(counts.blocked),
    })
}

fn tally(tally: Tally) -> Value {
    json!({"packets": tally.packets, "bytes": tally.bytes})
}
