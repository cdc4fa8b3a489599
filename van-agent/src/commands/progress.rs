//! How far an exchange has come: a bar on a terminal, lines of JSON for programs, nothing where nobody looks.

use std::{
    io::{self, IsTerminal},
    time::Duration,
};

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use serde_json::json;
use tokio::time::Instant;

use crate::{host::output::Printer, link::Progress};

/// Programs are told no more often than this.
const EVENT_PAUSE: Duration = Duration::from_secs(1);
/// The rate is that of the last so many seconds, so that a link that got slower shows.
const RATE_SECONDS: f64 = 10.0;

/// Shows how far an exchange has come.
#[derive(Debug)]
pub(super) struct Meter {
    bar: ProgressBar,
    events: Option<Printer>,
    told: Instant,
    rate: Rate,
}

impl Meter {
    /// A meter; with `json` for programs.
    pub(super) fn begin(json: bool) -> Self {
        let bar = if json || !io::stderr().is_terminal() { ProgressBar::hidden() } else { bar() };
        let events = json.then(|| Printer::new(true));
        Self { bar, events, told: Instant::now(), rate: Rate::default() }
    }

    /// The bar, to be cleared at the end.
    pub(super) fn bar(&self) -> ProgressBar {
        self.bar.clone()
    }

    /// Shows `progress`.
    pub(super) fn show(&mut self, progress: Progress) {
        let now = Instant::now();
        let rate = self.rate.of(progress.file_bytes, now);
        let seconds = (rate > 0.0).then(|| progress.file_bytes_left as f64 / rate);
        if progress.files_left == 0 {
            self.bar.set_length(progress.sent + progress.left);
            self.bar.set_position(progress.sent);
            self.bar.set_message(format!("{} sent, {} received", progress.sent, progress.received));
        } else {
            self.bar.set_length(progress.file_bytes + progress.file_bytes_left);
            self.bar.set_position(progress.file_bytes);
            self.bar.set_message(format!(
                "{} attachments left, {}, {}/s{}",
                progress.files_left,
                HumanBytes(progress.file_bytes_left),
                HumanBytes(rate as u64),
                seconds.map_or_else(String::new, |seconds| format!(", {seconds:.0} s to go"))
            ));
        }
        let Some(printer) = self.events.as_mut().filter(|_| now - self.told >= EVENT_PAUSE) else { return };
        self.told = now;
        let event = json!({"progress": {
            "sent": progress.sent,
            "received": progress.received,
            "left": progress.left,
            "attachments_left": progress.files_left,
            "attachment_bytes": progress.file_bytes,
            "attachment_bytes_left": progress.file_bytes_left,
            "bytes_per_second": rate.round(),
            "seconds_left": seconds.map(f64::round),
        }});
        // Where nobody reads any more the result will tell.
        drop(printer.value(&event));
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {bar:30} {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Bytes a second, of late.
#[derive(Debug, Default)]
struct Rate {
    from: Option<(u64, Instant)>,
    before: Option<(u64, Instant)>,
}

impl Rate {
    fn of(&mut self, bytes: u64, now: Instant) -> f64 {
        let newest = *self.from.get_or_insert((bytes, now));
        let (first, since) = self.before.unwrap_or(newest);
        if (now - newest.1).as_secs_f64() >= RATE_SECONDS {
            (self.before, self.from) = (Some(newest), Some((bytes, now)));
        }
        let seconds = (now - since).as_secs_f64();
        if seconds > 0.0 { bytes.saturating_sub(first) as f64 / seconds } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_follows_the_last_seconds() {
        let start = Instant::now();
        let mut rate = Rate::default();
        let mut bytes = 0;
        let mut last = 0.0;
        for second in 0..60 {
            last = rate.of(bytes, start + Duration::from_secs(second));
            bytes += if second < 30 { 10_000 } else { 1_000 };
        }
        assert!((900.0..1_100.0).contains(&last), "{last}");
    }
}
