//! The pre-list's rows from cells.

use super::{
    Problem,
    cells::Columns,
    read::{FromCells, NAME, Reader, SENTENCE, parsed, text},
};
use crate::{
    born::Born,
    nik::{Nik, Sex},
    phone,
    registry::{Kind, ServiceCode, row::Listed},
};

/// Classes as a case names them, and as lists in Indonesian call them.
const PRIORITIES: [(&str, &str); 9] = [
    ("elderly", "elderly"),
    ("lansia", "elderly"),
    ("disability", "disability"),
    ("disabilitas", "disability"),
    ("mother", "mother"),
    ("ibu", "mother"),
    ("ibu hamil", "mother"),
    ("child", "child"),
    ("anak", "child"),
];
/// Bytes of a name, as a person's document takes them.
const NAME_BYTES_MAX: usize = 200;

impl FromCells for Listed {
    const COLUMNS: Columns = Columns {
        required: &["name", "village"],
        optional: &[
            "nik", "sex", "born", "mother", "father", "kk", "address", "phone", "service", "priority",
        ],
        unused: &[],
        key: "name",
    };
    const PARTLY: bool = true;

    fn read(cells: &mut Reader<'_>) -> Option<Self> {
        let short = |value: &str| text(value).filter(|text| text.len() <= NAME_BYTES_MAX);
        let nik = cells.optional("nik", "a NIK of 16 digits; leave it empty where there is none", |text| {
            text.split_whitespace().collect::<String>().parse::<Nik>().ok()
        });
        let name = cells.required("name", NAME, short);
        let sex = sex(cells, nik.clone().flatten());
        let born = cells.optional("born", "a birth such as 1948, 1948-07 or 1948-07-21", parsed::<Born>);
        let mother = cells.optional("mother", NAME, short);
        let father = cells.optional("father", NAME, short);
        let kk = cells.optional("kk", "a family card of 16 digits", |text| {
            let digits: String = text.split_whitespace().collect();
            (digits.len() == 16 && digits.bytes().all(|b| b.is_ascii_digit())).then_some(digits)
        });
        let village = cells.registered_village("village");
        let address = cells.optional("address", SENTENCE, text);
        let phone = cells.optional("phone", "a telephone number such as 0812-3456-7890", |text| {
            Some(phone::normalise(text)).filter(|(_, is_mobile)| *is_mobile).map(|(number, _)| number)
        });
        let service = service(cells);
        let priority = cells.optional("priority", "elderly, disability, mother or child", |text| {
            let text = text.to_lowercase();
            PRIORITIES.iter().find(|(word, _)| *word == text).map(|(_, class)| (*class).to_owned())
        });
        let (nik, name, born, mother, village) = (nik?, name?, born?, mother?, village?);
        Some(Self {
            listed: Self::key_of(nik.as_ref(), &name, born, mother.as_deref(), &village),
            sex: sex?,
            father: father?,
            kk: kk?,
            address: address?,
            phone: phone?,
            service: service?,
            priority: priority?,
            name,
            nik,
            born,
            mother,
            village,
        })
    }
}

/// The sex as written, or as the NIK says.
fn sex(cells: &mut Reader<'_>, nik: Option<Nik>) -> Option<Sex> {
    const SEX: &str = "L or P";
    match nik {
        Some(nik) => Some(cells.optional("sex", SEX, parsed)?.unwrap_or(nik.sex())),
        None => cells.required("sex", SEX, parsed),
    }
}

/// A service of the catalogue, where it is here already.
fn service(cells: &mut Reader<'_>) -> Option<Option<ServiceCode>> {
    let code = cells.optional("service", ServiceCode::EXPECTED, parsed::<ServiceCode>)?;
    let known = cells.source.known;
    match &code {
        Some(named) if known.services().next().is_some() && known.service(named.as_str()).is_none() => {
            cells.wrong("service", Problem::Unregistered { kind: Kind::Services })
        }
        _ => Some(code),
    }
}
