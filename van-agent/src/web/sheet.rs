//! What the page of a sheet shows: who it may be, what is missing, what it would repeat, and what there is to
//! choose from.

use shared::{
    born::Born,
    desk::{duplicates::Duplicate, warnings},
    document::{Confirmation, conflict::Sort, consent},
    registry::{
        Registries,
        row::{OfflineMode, Service, Village},
    },
    store::read_model::PersonRow,
    time::Now,
};

use super::{
    card::{Card, card, cards, listed_card},
    pages::in_language,
    visits,
};
use crate::{
    agent::Agent,
    host::{
        output::Failure,
        web::{Language, Words},
    },
    record::{
        sheet::{STARTED_SEEN, Sheet},
        sitting::Kept,
    },
};

/// People to choose an applicant or a collector from.
const PEOPLE_MAX: usize = 10;
/// Open visits to choose from.
const VISITS_MAX: usize = 50;

/// What a page of a sheet shows, but for its words.
pub(super) struct View {
    pub(super) kept: Kept,
    pub(super) known: Option<Card>,
    pub(super) like: Vec<Card>,
    /// Whom the pre-list may mean.
    pub(super) listed: Vec<Card>,
    /// Who has the family card.
    pub(super) kin: Vec<Card>,
    /// Who asks and who will fetch the product, where somebody else does.
    pub(super) applicant: Option<Card>,
    pub(super) collector: Option<Card>,
    /// People to choose an applicant or a collector from.
    pub(super) sought: Vec<Card>,
    pub(super) chosen: Vec<Chosen>,
    /// Codes of all services with their names, to choose from.
    pub(super) services: Vec<(String, String)>,
    /// The village of the sitting, as people write it.
    pub(super) village: String,
    /// All villages as people write them, with their codes.
    pub(super) villages: Vec<(String, String)>,
    /// Open visits of this unit.
    pub(super) visits: Vec<(String, String)>,
    /// Sheets that were begun before: each its name, and whose it is.
    pub(super) others: Vec<(String, String)>,
    /// The name of the words for what is odd about the time on the paper, where something is.
    pub(super) odd_paper: Option<String>,
    /// The field that comes next.
    pub(super) at: String,
    /// Whether nothing else is done before somebody says who it is.
    pub(super) must_choose: bool,
}

impl View {
    /// What there is to show of a sheet; `at` is the field that comes next.
    pub(super) fn of(
        agent: &mut Agent,
        now: Now,
        words: &Words,
        kept: &Kept,
        at: String,
    ) -> Result<Self, Failure> {
        let sheet = &kept.sheet;
        let known = agent.person_row(sheet.text("person"))?;
        let like = agent.like(sheet)?;
        let chosen = chosen(agent, now, words, sheet, known.as_ref())?;
        let must_choose = at == "like" && !like.is_empty();
        let at = match chosen.last() {
            _ if !like.is_empty() => "like".to_owned(),
            // A service with nothing to type or to tick leads on to the next one.
            Some(newest) if newest.blank.is_some() || !newest.requirements.is_empty() => at,
            Some(_) | None if at == "tick" => "add".to_owned(),
            Some(_) | None => at,
        };
        let others = agent.other_sheets(&kept.id)?;
        let others =
            others.into_iter().map(|other| whose(agent, words, other)).collect::<Result<_, Failure>>()?;
        let applicant = agent.person_row(sheet.text("applicant"))?;
        let collector = agent.person_row(sheet.text("collector"))?;
        let sought = match sheet.text("sought") {
            "" => Vec::new(),
            wanted => cards(agent, now, words, wanted, PEOPLE_MAX)?,
        };
        let visits = open_visits(agent, now, words)?;
        let listed = agent.announced(sheet)?;
        let listed = listed.iter().map(|row| listed_card(agent, now, words, row)).collect();
        let kin = agent.kin(sheet)?;
        let card = |person: PersonRow| card(agent, now, words, person);
        let known = known.map(card);
        let like = like.into_iter().map(card).collect();
        let kin = kin.into_iter().map(card).collect();
        let applicant = applicant.map(card);
        let collector = collector.map(card);
        let registries = agent.replica().registries();
        let service = |service: &Service| (service.code.as_str().to_owned(), in_language(words, service));
        let services = registries.services().map(service).collect();
        let typed = sheet.text("village");
        let village = typed.parse().ok().and_then(|code| registries.village(&code));
        let village = village.map_or_else(|| typed.to_owned(), |village| registries.village_written(village));
        let villages = villages(registries);
        let mut kept = kept.clone();
        let odd_paper = odd_paper(agent, now, &mut kept.sheet);
        Ok(Self {
            kept,
            known,
            like,
            listed,
            kin,
            applicant,
            collector,
            sought,
            chosen,
            services,
            village,
            villages,
            visits,
            others,
            odd_paper,
            at,
            must_choose,
        })
    }

    /// The version of the text to which the citizen is asked to agree, and its words.
    pub(super) fn consent(&self, words: &Words) -> (&'static str, &'static str) {
        now_agreed_to(words)
    }

    /// Whether the citizen agreed to the text that is shown.
    pub(super) fn agreed(&self) -> bool {
        self.kept.sheet.consent() == Some(consent::NOW)
    }

    /// Whether somebody must say why a case is recorded again.
    pub(super) fn repeats(&self) -> bool {
        self.chosen.iter().any(|service| !service.same.is_empty())
    }

    /// Whether a way to confirm is the chosen one: none is until the citizen has confirmed.
    pub(super) fn confirmed(&self, way: &Confirmation) -> bool {
        self.kept.sheet.text("confirmed").parse() == Ok(*way)
    }

    /// How many other sheets are half typed, in words.
    pub(super) fn half_typed(&self, words: &Words) -> String {
        words.count("half-typed", self.others.len() as u64)
    }
}

/// A chosen service.
pub(super) struct Chosen {
    pub(super) code: String,
    pub(super) name: String,
    pub(super) agency: String,
    pub(super) tariff: String,
    /// Requirements, and whether each is there.
    pub(super) requirements: Vec<(String, bool)>,
    /// How many of them are missing, in words.
    pub(super) missing: Option<String>,
    /// The name of the words for how far it goes without network.
    pub(super) mode: &'static str,
    /// The name of the words for why the birth does not fit, where it does not.
    pub(super) unfit: Option<&'static str>,
    /// The serial of the numbered blank, where the service uses one up.
    pub(super) blank: Option<String>,
    /// Cases that it would repeat.
    pub(super) same: Vec<Same>,
}

impl Chosen {
    /// Whether nothing may be promised of it today.
    pub(super) fn is_open(&self) -> bool {
        ["mode-online_step", "mode-unknown"].contains(&self.mode)
    }
}

/// A case that a service of the sheet would repeat.
pub(super) struct Same {
    /// The name of the words for what is the same.
    pub(super) what: &'static str,
    pub(super) case: String,
    pub(super) slip: String,
    /// Where it stands, when it was recorded, by whom and where, in words.
    pub(super) told: String,
}

/// The version of the text that citizens now agree to, and the text.
pub(super) fn now_agreed_to(words: &Words) -> (&'static str, &'static str) {
    (consent::NOW.version, consent_words(words, consent::NOW))
}

/// A text of consent in the page's language.
pub(super) fn consent_words(words: &Words, text: &'static consent::Text) -> &'static str {
    match words.language() {
        Language::Indonesian => text.indonesian,
        Language::English => text.english,
    }
}

/// Visits of this unit that are open today: the id, and what people call it.
fn open_visits(agent: &mut Agent, now: Now, words: &Words) -> Result<Vec<(String, String)>, Failure> {
    let today = now.wall.day(agent.offset_minutes()).to_string();
    let visits = agent.open_visits()?.into_iter().filter(|visit| visit.date <= today);
    let visits: Vec<_> = visits.take(VISITS_MAX).collect();
    visits::named(agent, words, &visits)
}

/// The name of the words for what is odd about the time on the paper; notes that it is told.
fn odd_paper(agent: &Agent, now: Now, sheet: &mut Sheet) -> Option<String> {
    let code = sheet.odd_paper_time(now.wall, agent.offset_minutes())?;
    let started = sheet.text("started").to_owned();
    sheet.set(STARTED_SEEN, &started);
    Some(format!("warning-{}", code.as_str()))
}

/// The services of a sheet, each with what is missing and what it would repeat.
fn chosen(
    agent: &mut Agent,
    now: Now,
    words: &Words,
    sheet: &Sheet,
    known: Option<&PersonRow>,
) -> Result<Vec<Chosen>, Failure> {
    let born = known.map_or(Some(sheet.text("born")), |person| person.born.as_deref());
    let born: Option<Born> = born.and_then(|born| born.parse().ok());
    let today = now.wall.day(agent.offset_minutes());
    let mut chosen = Vec::new();
    for code in sheet.services() {
        let found = agent.duplicates(sheet, code)?;
        let same = found.iter().map(|found| told(agent, words, found)).collect();
        chosen.push(match agent.replica().registries().service(code) {
            Some(service) => choice(words, sheet, service, (born, today), same),
            None => unknown(sheet, code, same),
        });
    }
    Ok(chosen)
}

/// A case that would be repeated, in words.
fn told(agent: &Agent, words: &Words, found: &Duplicate) -> Same {
    let village = |code: &str| agent.replica().registries().village_name(code);
    let parts = [
        words.part("state", &found.status),
        found.name.clone().unwrap_or_default(),
        found.started.as_deref().map_or_else(String::new, |at| words.moment(at)),
        found.officer.clone().unwrap_or_default(),
        found.author.laptop.clone().unwrap_or_default(),
        found.visit.clone().unwrap_or_default(),
        found.village.as_deref().map_or_else(String::new, village),
    ];
    Same {
        what: if found.sort == Sort::SameBlank { "same-blank" } else { "same-open" },
        case: found.case.to_string(),
        slip: found.slip.clone(),
        told: parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · "),
    }
}

fn choice(
    words: &Words,
    sheet: &Sheet,
    service: &Service,
    (born, today): (Option<Born>, time::Date),
    same: Vec<Same>,
) -> Chosen {
    let code = service.code.as_str();
    let requirements = service.requirements.iter().map(|text| (text.clone(), sheet.has(code, text)));
    Chosen {
        code: code.to_owned(),
        name: in_language(words, service),
        agency: service.agency.clone(),
        tariff: service.tariff.clone(),
        requirements: requirements.collect(),
        missing: Some(sheet.missing(service).len() as u64)
            .filter(|missing| *missing > 0)
            .map(|missing| words.count("missing", missing)),
        mode: match service.offline_mode {
            OfflineMode::Full => "mode-full",
            OfflineMode::Intake => "mode-intake",
            OfflineMode::OnlineStep => "mode-online_step",
        },
        unfit: match born.and_then(|born| warnings::born_ahead(born, today)) {
            Some(_) => Some("warning-born_ahead"),
            None => warnings::age(service, born, today).map(|_| "warning-age"),
        },
        blank: service.numbered_stock.as_ref().map(|_| sheet.blank(code).to_owned()),
        same,
    }
}

/// A service that is not in the catalogue here, with what was typed of it: nothing of that is lost.
fn unknown(sheet: &Sheet, code: &str, same: Vec<Same>) -> Chosen {
    Chosen {
        code: code.to_owned(),
        name: code.to_owned(),
        agency: String::new(),
        tariff: String::new(),
        requirements: sheet.ticked(code).iter().map(|text| (text.clone(), true)).collect(),
        missing: None,
        mode: "mode-unknown",
        unfit: None,
        blank: Some(sheet.blank(code).to_owned()).filter(|blank| !blank.is_empty()),
        same,
    }
}

/// The name of a sheet, whose it is, when it was begun, and by whom.
fn whose(agent: &mut Agent, words: &Words, kept: Kept) -> Result<(String, String), Failure> {
    let known = agent.person_row(kept.sheet.text("person"))?;
    let name = Some(kept.sheet.called(known.as_ref())).filter(|name| !name.is_empty());
    let name = name.unwrap_or_else(|| words.get("day-nobody"));
    let at = kept.began.to_rfc3339(agent.offset_minutes());
    let began = [name.as_str(), &words.clock(&at), kept.sheet.text("officer")];
    Ok((kept.id, began.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ")))
}

/// All villages as people write them, with their codes, to choose from.
pub(super) fn villages(registries: &Registries) -> Vec<(String, String)> {
    let named = |village: &Village| (registries.village_written(village), village.code.to_string());
    registries.villages().map(named).collect()
}
