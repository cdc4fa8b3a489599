//! What an officer must know at a glance: visits, the queue, products, custody, what needs attention, and when there
//! is likely to be a network.

mod coverage;
mod limit;

use std::cmp::Reverse;

use serde_json::{Value, json};
use shared::{
    store::{self, StoreError, read_model},
    time::{Now, Timestamp},
};

use self::coverage::Coverage;
use crate::{
    agent::{Agent, said},
    battery::Battery,
    handover,
    host::{output::Failure, owner::Handle},
    link::Exchange,
};

/// Bytes free under which a disk needs attention.
const DISK_BYTES_MIN: u64 = 1 << 30;
/// How far this laptop's clock may be from the hub's, in milliseconds.
const CLOCK_MILLISECONDS_MAX: i64 = 5 * 60 * 1_000;
/// How old what nobody else has may be, in seconds.
const UNSENT_SECONDS_MAX: i64 = 24 * 3_600;
/// Hundredths of a legal time from which it is told, from which it is urgent, and at which it has run out.
const GATES: [(&str, u32); 3] = [("half", 50), ("urgent", 80), ("over", 100)];
/// Cases whose legal time is told one by one.
const LIMITED_MAX: usize = 25;
/// Contacts with the hub that are remembered.
const CONTACTS_MAX: usize = 60;
/// The facts that hold how the newest exchange ended, when the hub was reached, and how far its clock was ahead then, in
/// milliseconds.
const EXCHANGE: &str = "newest_exchange";
const CONTACTS: &str = "contacts";
const CLOCK: &str = "hub_clock_ahead";

/// Notes how an exchange ended. It is done whether that can be kept or not.
pub(crate) async fn note_exchange(handle: &Handle<Agent>, exchange: Exchange) {
    if let Ok(Err(failure)) = handle.run(move |agent, now| agent.note_exchange(now, &exchange)).await {
        tracing::info!(error = failure.message, "note the exchange");
    }
}

impl Agent {
    /// Notes how an exchange ended just now, and where it ended well, how far the hub's clock was ahead.
    fn note_exchange(&mut self, now: Now, exchange: &Exchange) -> Result<(), Failure> {
        let ahead = self.replica().hub_clock_ahead();
        let mut times = self.contacts()?;
        times.push(now.wall);
        let bytes: Vec<u8> =
            times.iter().rev().take(CONTACTS_MAX).rev().flat_map(|at| at.0.to_le_bytes()).collect();
        let told = json!(exchange).to_string();
        let keep = |tx: store::Tx<'_>, _: &_| {
            store::set_fact(tx, EXCHANGE, told.as_bytes())?;
            if !exchange.report.ok {
                return Ok(());
            }
            if let Some(ahead) = ahead {
                store::set_fact(tx, CLOCK, &ahead.to_le_bytes())?;
            }
            store::set_fact(tx, CONTACTS, &bytes)
        };
        self.replica_mut().keep::<_, StoreError>(keep).map_err(said)
    }

    /// How the newest exchange ended, whichever program had it.
    pub(crate) fn newest_exchange(&mut self) -> Result<Option<Exchange>, Failure> {
        let told = store::fact(self.read()?, EXCHANGE).map_err(said)?;
        // One that another version wrote may not read back: then nobody knows.
        Ok(told.and_then(|told| serde_json::from_slice(&told).ok()))
    }

    /// Everything of the first page that other requests do not tell.
    pub(crate) fn today(&mut self, now: Now) -> Result<Value, Failure> {
        let products = handover::STATES.map(|state| {
            let count = read_model::count_at(self.read()?, state).map_err(said)?;
            Ok((state.to_string(), json!(count)))
        });
        let products: serde_json::Map<_, _> = products.into_iter().collect::<Result<_, Failure>>()?;
        let custody = self.custody_counts()?;
        let (limits, gates) = self.limits(now)?;
        Ok(json!({
            "date": now.wall.day(self.offset_minutes()).to_string(),
            "queue": self.tickets(now)?,
            "expected": self.expected_counts()?,
            "products": products,
            "attention": self.attention(now, &custody)?,
            "custody": custody,
            "limits": limits,
            "gates": gates,
            "battery": Battery::now().map(|battery| {
                json!({"percent": battery.percent, "discharging": battery.discharging, "low": battery.is_low()})
            }),
            "coverage": self.coverage(now)?,
        }))
    }

    /// What is odd about this laptop: a code each, with its figures.
    fn attention(&mut self, now: Now, custody: &Value) -> Result<Vec<Value>, Failure> {
        let mut found = Vec::new();
        let oldest = custody["oldest_unsent"].as_str().and_then(|text| Timestamp::parse(text).ok());
        if oldest.is_some_and(|(at, _)| now.wall.0 - at.0 > UNSENT_SECONDS_MAX * 1_000) {
            found.push(
                json!({"code": "unsent", "since": custody["oldest_unsent"], "unsent": custody["unsent"]}),
            );
        }
        // Some systems do not tell.
        let free = fs4::available_space(self.home.folder()).ok();
        if let Some(free) = free.filter(|free| *free < DISK_BYTES_MIN) {
            found.push(json!({"code": "disk", "free": free}));
        }
        if let Some(ahead) = self.clock_ahead()?.filter(|ahead| ahead.abs() > CLOCK_MILLISECONDS_MAX) {
            found.push(json!({"code": "clock", "minutes": ahead / 60_000}));
        }
        for mut lease in self.leases_to_ask_for(now)? {
            lease["code"] = json!("lease");
            found.push(lease);
        }
        let alarms = self.blank_alarms()?;
        if alarms > 0 {
            found.push(json!({"code": "blanks", "alarms": alarms}));
        }
        Ok(found)
    }

    /// Cases of which a gate of the legal time is passed, the most urgent first and those behind whose time has run out;
    /// and how many there are by the last gate passed.
    fn limits(&mut self, now: Now) -> Result<(Vec<Value>, Value), Failure> {
        let offset_minutes = self.offset_minutes();
        self.read()?;
        let (tx, registries) = (self.replica().store().reader(), self.replica().registries());
        let (mut counts, mut running) = ([0; GATES.len()], Vec::new());
        for service in registries.services() {
            let gates = GATES
                .map(|(_, percent)| limit::begun_by(registries, service, percent, now.wall, offset_minutes));
            let [Some(half), Some(urgent), Some(over)] = gates else { continue };
            let spans = [(urgent, half), (over, urgent), (Timestamp(i64::MIN), over)];
            for (count, (after, until)) in counts.iter_mut().zip(spans) {
                let found = read_model::limited(tx, service.code.as_str(), after, until, LIMITED_MAX);
                let (of, cases) = found.map_err(said)?;
                *count += of;
                running.extend(cases.into_iter().filter_map(|(since, case)| {
                    Some((limit::running(registries, service, since, now.wall, offset_minutes)?, case))
                }));
            }
        }
        let [_, (_, urgent), (_, over)] = GATES;
        running.sort_by_key(|(found, _)| (found.percent >= over, Reverse(found.percent)));
        let mut told = Vec::new();
        for (found, case) in running.into_iter().take(LIMITED_MAX) {
            let Some(row) = read_model::case_of(tx, case).map_err(said)? else { continue };
            told.push(json!({
                "case": row.document, "slip": row.slip, "name": row.name, "service": row.service,
                "death": row.death, "percent": found.percent, "left": found.left, "unit": found.unit,
                "urgent": found.percent >= urgent,
            }));
        }
        let counts: serde_json::Map<_, _> =
            GATES.iter().zip(counts).map(|((name, _), count)| ((*name).to_owned(), json!(count))).collect();
        Ok((told, counts.into()))
    }

    /// When and where the hub is likely to be reached next.
    fn coverage(&mut self, now: Now) -> Result<Coverage, Failure> {
        let local = (self.offset_minutes(), self.zone().name());
        let contacts = self.contacts()?;
        let visits = match contacts.first() {
            Some(oldest) => {
                let since = oldest.day(local.0).to_string();
                let unit = self.unit();
                read_model::visits_since(self.read()?, &unit, &since).map_err(said)?
            }
            None => Vec::new(),
        };
        Ok(Coverage::of(&contacts, &visits, now.wall, local))
    }

    fn contacts(&mut self) -> Result<Vec<Timestamp>, Failure> {
        let bytes = store::fact(self.read()?, CONTACTS).map_err(said)?.unwrap_or_default();
        let (times, _) = bytes.as_chunks::<8>();
        Ok(times.iter().map(|time| Timestamp(i64::from_le_bytes(*time))).collect())
    }

    fn clock_ahead(&mut self) -> Result<Option<i64>, Failure> {
        let bytes = store::fact(self.read()?, CLOCK).map_err(said)?;
        Ok(bytes.and_then(|bytes| Some(i64::from_le_bytes(bytes.try_into().ok()?))))
    }
}
