//! The full text: which words a case or a person is found by.
//!
//! **Invariant:** the folded key of a name is compared with names alone, never with numbers: `zzzz` must not
//! find every slip that ends in Z.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, params};

use super::{
    cases::{CASE, CaseRow, case},
    people::{PERSON, PersonRow, person},
    project::Touched,
};
use crate::{
    id::{DocumentId, Kind},
    name, phone,
    store::{Result, Tx, id},
};

/// Digits after `+62` from which a text is looked for as a telephone number.
const PHONE_DIGITS_MIN: usize = 3;
/// Places for cases of one second in the order of sittings.
const PLACES: i64 = 1_024;
/// The last second that the order of sittings tells apart, far beyond any calendar.
const SECOND_MAX: i64 = 1 << 40;

/// What a document is found by.
#[derive(Debug, Default)]
struct Words {
    /// As written.
    words: Vec<String>,
    /// Keys of names.
    names: Vec<String>,
}

/// A full text and the table that numbers its documents.
#[derive(Debug, Clone, Copy)]
struct Text {
    numbers: &'static str,
    index: &'static str,
}

const CASES: Text = Text { numbers: "case_text", index: "case_index" };
const PEOPLE: Text = Text { numbers: "person_text", index: "person_index" };

/// Notes that the words of what was `touched` may be older than its rows.
pub(super) fn mark(tx: Tx<'_>, touched: &Touched) -> Result<()> {
    let mut mark = tx.prepare_cached("INSERT OR IGNORE INTO unworded (document) VALUES (?1)")?;
    for document in touched.people.iter().chain(&touched.cases) {
        mark.execute([document.0])?;
    }
    Ok(())
}

/// Whether any words are older than their row.
pub(super) fn is_stale(tx: Tx<'_>) -> Result<bool> {
    Ok(tx.prepare_cached("SELECT 1 FROM unworded LIMIT 1")?.query_row([], |_| Ok(())).optional()?.is_some())
}

/// Brings the full text of so many documents at most up to date with their rows; whether there are more.
///
/// # Errors
/// The store fails.
pub fn refresh_part(tx: Tx<'_>, limit: usize) -> Result<bool> {
    let mut statement = tx.prepare_cached("SELECT document FROM unworded ORDER BY document LIMIT ?1")?;
    let documents =
        statement.query_map([limit], |row| id(row, 0))?.collect::<Result<Vec<DocumentId>, _>>()?;
    let (people, cases) = documents.iter().partition(|document| document.kind() == Some(Kind::Person));
    index(tx, people, cases)?;
    let mut done = tx.prepare_cached("DELETE FROM unworded WHERE document = ?1")?;
    for document in &documents {
        done.execute([document.0])?;
    }
    Ok(documents.len() == limit && is_stale(tx)?)
}

/// Replaces the full text of people and cases; ascending, as the index takes it best.
fn index(tx: Tx<'_>, people: Vec<DocumentId>, cases: Vec<DocumentId>) -> Result<()> {
    let mut known = Known { tx, people: BTreeMap::new(), villages: BTreeMap::new() };
    let mut numbered = Vec::new();
    for document in people {
        let number = number(tx, PEOPLE, document)?;
        numbered.push((number.unwrap_or(i64::MAX), number, document));
    }
    numbered.sort_unstable();
    for (_, number, document) in numbered {
        let place = match number {
            Some(number) => number,
            None => last_number(tx, PEOPLE, i64::MAX)?.unwrap_or(0) + 1,
        };
        replace(tx, PEOPLE, document, number, known.person(document)?.map(|words| (place, words)))?;
    }
    let mut dated = Vec::new();
    for document in cases {
        dated.push((second(tx, document)?, document));
    }
    dated.sort_unstable();
    for (second, document) in dated {
        let number = number(tx, CASES, document)?;
        let words = known.case(document)?;
        let put = match (second, &words) {
            (Some(second), Some(words)) => Some((place(tx, number, second)?, words)),
            _ => None,
        };
        replace(tx, CASES, document, number, put)?;
    }
    Ok(())
}

fn number(tx: Tx<'_>, text: Text, document: DocumentId) -> Result<Option<i64>> {
    Ok(tx
        .prepare_cached(&format!("SELECT text FROM {} WHERE document = ?1", text.numbers))?
        .query_row([document.0], |row| row.get(0))
        .optional()?)
}

/// The last number that is taken below `end`.
fn last_number(tx: Tx<'_>, text: Text, end: i64) -> Result<Option<i64>> {
    Ok(tx
        .prepare_cached(&format!("SELECT max(text) FROM {} WHERE text < ?1", text.numbers))?
        .query_row([end], |row| row.get(0))?)
}

/// The second in which a case's sitting began, 0 where nobody knows; `None` of no case.
fn second(tx: Tx<'_>, document: DocumentId) -> Result<Option<i64>> {
    let started: Option<Option<i64>> = tx
        .prepare_cached("SELECT started FROM case_row WHERE document = ?1")?
        .query_row([document.0], |row| row.get(0))
        .optional()?;
    Ok(started.map(|started| started.unwrap_or(0).div_euclid(1_000).clamp(0, SECOND_MAX)))
}

/// The place of a case of `second`: the one it has, or the next free one, in a later second if that is full.
fn place(tx: Tx<'_>, known: Option<i64>, second: i64) -> Result<i64> {
    let first = second * PLACES;
    if let Some(known) = known.filter(|known| (first..first + PLACES).contains(known)) {
        return Ok(known);
    }
    let mut end = first + PLACES;
    loop {
        let free = last_number(tx, CASES, end)?.map_or(first, |last| first.max(last + 1));
        if free < end {
            return Ok(free);
        }
        end += PLACES;
    }
}

fn replace(
    tx: Tx<'_>,
    text: Text,
    document: DocumentId,
    known: Option<i64>,
    put: Option<(i64, &Words)>,
) -> Result<()> {
    let Text { numbers, index } = text;
    if let Some(known) = known {
        tx.prepare_cached(&format!("DELETE FROM {index} WHERE rowid = ?1"))?.execute([known])?;
    }
    let place = put.as_ref().map(|(place, _)| *place);
    if known != place {
        tx.prepare_cached(&format!("DELETE FROM {numbers} WHERE document = ?1"))?.execute([document.0])?;
        if let Some(place) = place {
            tx.prepare_cached(&format!("INSERT INTO {numbers} (text, document) VALUES (?1, ?2)"))?
                .execute(params![place, document.0])?;
        }
    }
    if let Some((place, Words { words, names })) = put {
        tx.prepare_cached(&format!("INSERT INTO {index} (rowid, words, names) VALUES (?1, ?2, ?3)"))?
            .execute(params![place, words.join(" "), names.join(" ")])?;
    }
    Ok(())
}

/// What people and villages are found by, each asked for once: a person stands in several cases.
struct Known<'a> {
    tx: Tx<'a>,
    people: BTreeMap<DocumentId, Option<Words>>,
    villages: BTreeMap<String, Option<String>>,
}

impl Known<'_> {
    /// What a person is found by; `None` of nobody.
    fn person(&mut self, document: DocumentId) -> Result<Option<&Words>> {
        if !self.people.contains_key(&document) {
            let words = self.read_person(document)?;
            self.people.insert(document, words);
        }
        Ok(self.people[&document].as_ref())
    }

    fn read_person(&mut self, document: DocumentId) -> Result<Option<Words>> {
        let found: Option<([Option<String>; 5], String)> = self
            .tx
            .prepare_cached(
                "SELECT nik, detail ->> 'phone', detail ->> 'kk', detail ->> 'mother', village, name
                 FROM person_row WHERE document = ?1",
            )?
            .query_row([document.0], |row| {
                Ok(([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?], row.get(5)?))
            })
            .optional()?;
        let Some((parts, name)) = found else { return Ok(None) };
        let village = match &parts[4] {
            Some(code) => self.village(code)?,
            None => None,
        };
        let names = vec![name::search_key(&name)];
        let words = parts.into_iter().flatten().chain(village).chain([name]).collect();
        Ok(Some(Words { words, names }))
    }

    fn village(&mut self, code: &str) -> Result<Option<String>> {
        if let Some(name) = self.villages.get(code) {
            return Ok(name.clone());
        }
        let name: Option<Option<String>> = self
            .tx
            .prepare_cached(
                "SELECT value ->> 'name' FROM registry_row JOIN registry USING (kind, version)
                 WHERE kind = 'villages' AND key = ?1",
            )?
            .query_row([code], |row| row.get(0))
            .optional()?;
        let name = name.flatten();
        self.villages.insert(code.to_owned(), name.clone());
        Ok(name)
    }

    /// What a case is found by: its own words and its people's; `None` of no case.
    fn case(&mut self, document: DocumentId) -> Result<Option<Words>> {
        let found = self
            .tx
            .prepare_cached(
                "SELECT slip, service, ref, blank, detail ->> 'notes', detail ->> 'companion', detail ->> 'sheet',
                        subject, applicant
                 FROM case_row WHERE document = ?1",
            )?
            .query_row([document.0], |row| {
                let mut words: [Option<String>; 7] = Default::default();
                for (place, word) in words.iter_mut().enumerate() {
                    *word = row.get(place)?;
                }
                let people: [Option<[u8; 16]>; 2] = [row.get(7)?, row.get(8)?];
                Ok((words, people))
            })
            .optional()?;
        let Some((own, [subject, applicant])) = found else { return Ok(None) };
        let mut words = Words { words: own.into_iter().flatten().collect(), names: Vec::new() };
        let other = applicant.filter(|_| applicant != subject);
        for person in subject.into_iter().chain(other) {
            if let Some(Words { words: more, names }) = self.person(DocumentId(person))? {
                words.words.extend_from_slice(more);
                words.names.extend_from_slice(names);
            }
        }
        Ok(Some(words))
    }
}

/// Cases that match every word of `text` in what is known of them or of their people; at most `limit`, newest
/// first.
///
/// # Errors
/// The store fails.
pub fn find(tx: Tx<'_>, text: &str, limit: usize) -> Result<Vec<CaseRow>> {
    let Some(query) = query(text) else { return Ok(Vec::new()) };
    let mut statement = tx.prepare_cached(&format!(
        "{CASE} WHERE case_row.document IN (
             SELECT document FROM case_text WHERE text IN (
                 SELECT rowid FROM case_index WHERE case_index MATCH ?1 ORDER BY rowid DESC LIMIT ?2))
         ORDER BY case_row.started DESC, case_row.document"
    ))?;
    let rows = statement.query_map(params![query, limit], case)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// That the full text of a person matches a question.
const MATCHING: &str = "document IN (
     SELECT document FROM person_text WHERE text IN (
         SELECT rowid FROM person_index WHERE person_index MATCH ?1))";

/// People whose names, numbers or places match every word of `text`; all of an empty text. At most `limit`.
///
/// # Errors
/// The store fails.
pub fn people(tx: Tx<'_>, text: &str, limit: usize) -> Result<Vec<PersonRow>> {
    if text.trim().is_empty() {
        let mut statement = tx.prepare_cached(&format!("{PERSON} ORDER BY name, document LIMIT ?1"))?;
        let rows = statement.query_map([limit], person)?;
        return Ok(rows.collect::<Result<_, _>>()?);
    }
    let Some(query) = query(text) else { return Ok(Vec::new()) };
    let mut statement =
        tx.prepare_cached(&format!("{PERSON} WHERE {MATCHING} ORDER BY name, document LIMIT ?2"))?;
    let rows = statement.query_map(params![query, limit], person)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// As [`people`] of a text that is not empty, of those alone whose birth is written so.
///
/// # Errors
/// The store fails.
pub fn people_born(tx: Tx<'_>, text: &str, born: &str, limit: usize) -> Result<Vec<PersonRow>> {
    let Some(query) = query(text) else { return Ok(Vec::new()) };
    let mut statement = tx.prepare_cached(&format!(
        "{PERSON} WHERE born = ?3 AND {MATCHING} ORDER BY name, document LIMIT ?2"
    ))?;
    let rows = statement.query_map(params![query, limit, born], person)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The question that finds every word of `text`, as written or as a name, or its name as a whole; `None` where
/// there is nothing to look for.
pub(super) fn query(text: &str) -> Option<String> {
    let words = text.split_whitespace().filter(|word| word.contains(char::is_alphanumeric));
    let words: Vec<_> = words
        .map(|word| match named(word) {
            Some(names) => format!("({} OR {names}{})", beginning("words", word), telephone(word)),
            None => beginning("words", word),
        })
        .collect();
    if words.is_empty() {
        return None;
    }
    let whole = named(text).map_or_else(String::new, |names| format!(" OR {names}"));
    Some(format!("({}){whole}{}", words.join(" AND "), telephone(text)))
}

/// That a text is the beginning of a telephone number as stored, after an `OR`; nothing where it is none.
fn telephone(text: &str) -> String {
    let (stored, _) = phone::normalise(text);
    let known = stored.strip_prefix("+62").is_some_and(|national| national.len() >= PHONE_DIGITS_MIN);
    if known { format!(" OR {}", beginning("words", &stored)) } else { String::new() }
}

/// That every word of the key of `text` begins a word of a name.
fn named(text: &str) -> Option<String> {
    let key = name::query_key(text);
    let parts: Vec<_> = key.split_whitespace().map(|word| beginning("names", word)).collect();
    (!parts.is_empty()).then(|| format!("({})", parts.join(" AND ")))
}

/// A word as the beginning of a word of a column, quoted so that nothing in it is syntax.
fn beginning(column: &str, word: &str) -> String {
    format!("{column} : \"{}\" *", word.replace('"', "\"\""))
}
