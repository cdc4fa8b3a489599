//! The book of numbered blanks as a page shows it: what came, was used, spoilt or went back, newest first.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use shared::{
    blank::{Serial, SerialRange},
    time::Timestamp,
};

use super::pages::text;
use crate::host::web::Words;

/// Entries on the page, until more are asked for.
const ENTRIES: usize = 50;
/// The same at most.
const ENTRIES_MAX: usize = 1_000;

/// Which entries are asked for.
#[derive(Clone, Default, Deserialize)]
pub(super) struct Wanted {
    /// One kind; all where none is named.
    #[serde(default)]
    pub(super) kind: String,
    /// A number, or a part of one, of a slip number or of words.
    #[serde(default)]
    pub(super) q: String,
    /// A range of numbers, as a lease has it.
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    /// So many at most.
    #[serde(default)]
    show: Option<usize>,
}

/// When the sitting of each case began, as RFC 3339, and its officer.
pub(super) type Sittings = BTreeMap<String, (String, String)>;

/// The entries asked for.
pub(super) struct Book {
    pub(super) wanted: Wanted,
    pub(super) entries: Vec<Entry>,
    /// How many of how many are shown, in words, where those are not all, and how many are to be shown next;
    /// none where no more are shown.
    pub(super) cut: Option<(String, Option<usize>)>,
}

/// What became of blanks.
pub(super) struct Entry {
    pub(super) kind: String,
    /// Their numbers.
    pub(super) range: String,
    /// What became of them, in words.
    pub(super) what: String,
    /// When; empty where nobody says.
    pub(super) at: String,
    pub(super) officer: String,
    /// The case that used it: id and slip number.
    pub(super) case: Option<(String, String)>,
    pub(super) reason: String,
    /// What is wrong with it, in words.
    pub(super) alarm: Option<String>,
}

impl Wanted {
    /// Whether a text is sought.
    pub(super) fn is_search(&self) -> bool {
        !self.q.trim().is_empty()
    }
}

impl Book {
    /// Those of the entries of `stocks`, as the holder of the store tells them, that are `wanted`, newest first. Only
    /// those that are shown are put in words, unless a text is sought in them.
    pub(super) fn of(words: &Words, stocks: &[&Value], wanted: Wanted, sittings: &Sittings) -> Self {
        let mut found = Vec::new();
        for stock in stocks {
            if wanted.kind.is_empty() || wanted.kind == text(stock, "kind") {
                found.extend(lines(stock, range(&wanted.from, &wanted.to).as_ref()));
            }
        }
        found.sort_by_key(|line| std::cmp::Reverse(line.at));
        let at_most = wanted.show.unwrap_or(ENTRIES).clamp(ENTRIES, ENTRIES_MAX);
        let told = |line: &Line<'_>| entry(words, line, sittings);
        let (of, entries): (usize, Vec<_>) = if wanted.is_search() {
            let told = found.iter().map(|line| (told(line), &line.range));
            let mut held: Vec<_> = told.filter(|(entry, range)| entry.holds(&wanted.q, range)).collect();
            let of = held.len();
            held.truncate(at_most);
            (of, held.into_iter().map(|(entry, _)| entry).collect())
        } else {
            (found.len(), found.iter().take(at_most).map(told).collect())
        };
        let more = (at_most < ENTRIES_MAX).then(|| (at_most * 2).min(ENTRIES_MAX));
        let cut = words.shown_of(entries.len() as u64, of as u64).map(|cut| (cut, more));
        Self { wanted, entries, cut }
    }

    /// Tells when and by whom the blanks that are shown were used.
    pub(super) fn tell(&mut self, sittings: &Sittings) {
        for entry in &mut self.entries {
            let sitting = entry.case.as_ref().and_then(|(case, _)| sittings.get(case));
            if let Some(sitting) = sitting {
                (entry.at, entry.officer) = sitting.clone();
            }
        }
    }

    /// Whether only some are asked for.
    pub(super) fn is_part(&self) -> bool {
        let Wanted { kind, q, from, to, .. } = &self.wanted;
        [kind, q, from, to].iter().any(|text| !text.is_empty())
    }

    /// What is asked for, as the query of a link that asks for more of it.
    pub(super) fn query(&self) -> String {
        let Wanted { kind, q, from, to, .. } = &self.wanted;
        let pairs = [("kind", kind), ("q", q), ("from", from), ("to", to)];
        query(pairs.into_iter().filter(|(_, text)| !text.is_empty()))
    }
}

impl Entry {
    /// Whether it has to do with a number, or a text, that somebody looks for.
    fn holds(&self, sought: &str, range: &SerialRange) -> bool {
        let sought = sought.trim().to_lowercase();
        let said = [&self.range, &self.officer, &self.reason, &self.what];
        sought.is_empty()
            || sought.parse::<Serial>().is_ok_and(|serial| range.contains(&serial))
            || said.iter().any(|text| text.to_lowercase().contains(&sought))
            || self.case.as_ref().is_some_and(|(_, slip)| slip.to_lowercase().contains(&sought))
    }
}

/// Names and texts as the query of a link.
pub(super) fn query<'a>(pairs: impl Iterator<Item = (&'a str, &'a String)>) -> String {
    let pair = |(name, text): (&str, &String)| {
        format!("{name}={}", percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC))
    };
    pairs.map(pair).collect::<Vec<_>>().join("&")
}

fn range(from: &str, to: &str) -> Option<SerialRange> {
    let from: Serial = from.parse().ok()?;
    match to {
        "" => Some(SerialRange::one(from)),
        to => SerialRange::new(from, to.parse().ok()?).ok(),
    }
}

/// One line of the book of a stock, before it is put in words.
struct Line<'a> {
    stock: &'a Value,
    value: &'a Value,
    is_use: bool,
    range: SerialRange,
    /// When, in milliseconds since 1970; 0 where nobody says.
    at: i64,
}

/// What was written of a stock, and used, all or as far as it has to do with the range that is `asked` for.
fn lines<'a>(stock: &'a Value, asked: Option<&SerialRange>) -> Vec<Line<'a>> {
    let each = |name: &str| stock[name].as_array().map_or(&[][..], Vec::as_slice);
    let entries = each("entries").iter().filter_map(|value| {
        let range = range(&text(&value["range"], "from"), &text(&value["range"], "to"))?;
        let at = Timestamp::parse(&text(value, "at")).map_or(0, |(at, _)| at.0);
        Some(Line { stock, value, is_use: false, range, at })
    });
    let uses = each("uses").iter().filter_map(|value| {
        let range = range(&text(value, "serial"), "")?;
        Some(Line { stock, value, is_use: true, range, at: value["started"].as_i64().unwrap_or(0) })
    });
    entries.chain(uses).filter(|line| asked.is_none_or(|asked| asked.overlaps(&line.range))).collect()
}

fn entry(words: &Words, line: &Line<'_>, sittings: &Sittings) -> Entry {
    let Line { stock, value, is_use, range, .. } = line;
    let act = if *is_use { "used".to_owned() } else { text(value, "act") };
    let case = is_use.then(|| (text(value, "case"), text(value, "slip")));
    let sitting = case.as_ref().and_then(|(case, _)| sittings.get(case));
    let (at, officer) = sitting.cloned().unwrap_or_else(|| (text(value, "at"), text(value, "officer")));
    let alarms = stock["alarms"].as_array().map_or(&[][..], Vec::as_slice);
    Entry {
        kind: text(stock, "kind"),
        range: range.to_string(),
        what: words.part("blank", &act),
        at,
        officer,
        case,
        reason: text(value, "reason"),
        alarm: alarm(words, alarms, value, *is_use, range),
    }
}

/// What is wrong with an entry: with blanks that a case names what names this case, and with others what says that
/// they were spoilt, or went back, wrongly.
fn alarm(words: &Words, alarms: &[Value], value: &Value, is_use: bool, of: &SerialRange) -> Option<String> {
    let act = text(value, "act");
    let is_of = |alarm: &&Value| {
        let range = range(&text(&alarm["range"], "from"), &text(&alarm["range"], "to"));
        let wrong = text(alarm, "alarm");
        let of_act = matches!(
            (act.as_str(), wrong.as_str()),
            ("spoilt", "used_and_spoilt" | "gone_before") | ("returned", "used_and_returned" | "gone_before")
        );
        range.is_some_and(|range| range.overlaps(of)) && if is_use { wrong != "gone_before" } else { of_act }
    };
    let alarm = alarms.iter().find(is_of)?;
    let cases: Vec<_> = alarm["cases"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let own = text(value, "slip");
    let others: Vec<_> = cases.into_iter().filter(|slip| *slip != own).collect();
    let what = words.part("blank", &text(alarm, "alarm"));
    Some(format!("{what} {}", others.join(", ")).trim_end_matches([' ', ':']).to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        host::web::Language,
        web::{ENGLISH, INDONESIAN},
    };

    fn stock() -> Value {
        let used = |serial: &str, slip: &str, at: &str| {
            let (at, _) = Timestamp::parse(at).expect("a time");
            json!({"serial": serial, "slip": slip, "case": "case_1", "started": at.0})
        };
        json!({
            "kind": "KTP-EL",
            "entries": [
                {"act": "received", "range": {"from": "0001", "to": "0100"}, "at": "2026-11-20T08:00:00+08:00"},
                {"act": "spoilt", "range": {"from": "0003", "to": "0003"}, "at": "2026-11-21T08:00:00+08:00",
                 "reason": "tinta"},
            ],
            "uses": [
                used("0001", "A", "2026-11-20T09:00:00+08:00"),
                used("0001", "B", "2026-11-21T01:00:00+00:00"),
                used("0002", "C", "2026-11-20T10:00:00+08:00"),
            ],
            "alarms": [{"alarm": "used_twice", "range": {"from": "0001", "to": "0001"}, "cases": ["A", "B"]}],
        })
    }

    fn sittings() -> Sittings {
        [("case_1".to_owned(), ("2026-11-20T09:00:00+08:00".to_owned(), "Yefta".to_owned()))].into()
    }

    fn told(wanted: Wanted) -> Vec<(String, Option<String>, bool)> {
        let words = Words::new(Language::English, INDONESIAN, ENGLISH);
        let book = Book::of(&words, &[&stock()], wanted, &sittings());
        let told = |entry: &Entry| {
            (entry.range.clone(), entry.case.as_ref().map(|(_, slip)| slip.clone()), entry.alarm.is_some())
        };
        book.entries.iter().map(told).collect()
    }

    #[test]
    fn the_newest_comes_first_and_a_second_use_stands_out_on_both_cases() {
        let slips: Vec<_> = told(Wanted::default())
            .into_iter()
            .map(|(range, slip, alarm)| (slip.unwrap_or(range), alarm))
            .collect();
        let expected = [("B", true), ("0003", false), ("C", false), ("A", true), ("0001–0100", false)];
        assert_eq!(slips, expected.map(|(slip, alarm)| (slip.to_owned(), alarm)));
    }

    #[test]
    fn what_is_sought_is_a_number_a_slip_a_reason_or_the_range_of_a_lease() {
        let sought = |q: &str| told(Wanted { q: q.to_owned(), ..Wanted::default() }).len();
        assert_eq!([sought("0003"), sought("tinta"), sought("yefta"), sought("nowhere")], [2, 1, 3, 0]);
        let of_lease = Wanted { from: "0002".into(), to: "0004".into(), ..Wanted::default() };
        assert_eq!(told(of_lease).len(), 3);
        assert_eq!(told(Wanted { kind: "SIM".into(), ..Wanted::default() }), []);
    }

    #[test]
    fn a_long_book_is_shown_by_fifty() {
        let words = Words::new(Language::English, INDONESIAN, ENGLISH);
        let mut long = stock();
        let used = long["uses"][2].clone();
        long["uses"] = json!(vec![used.clone(); 120]);
        let book = |long: &Value, show: usize| {
            let wanted = Wanted { show: Some(show), ..Wanted::default() };
            let mut book = Book::of(&words, &[long], wanted, &Sittings::new());
            assert!(book.entries.iter().all(|entry| entry.officer.is_empty()));
            book.tell(&sittings());
            book
        };
        let first = book(&long, 0);
        assert_eq!((first.entries.len(), first.cut.expect("there are more").1), (50, Some(100)));
        let all = book(&long, 200);
        assert!(all.entries.len() == 122 && all.cut.is_none());
        assert!(all.entries.iter().all(|entry| entry.case.is_none() || entry.officer == "Yefta"));
        long["uses"] = json!(vec![used; 1_200]);
        let most = book(&long, 2_000);
        let more = most.cut.expect("there are more").1;
        assert_eq!((most.entries.len(), more), (1_000, None), "no link leads to what is not shown");
    }
}
