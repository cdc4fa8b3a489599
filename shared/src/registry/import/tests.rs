use super::*;
use crate::registry::row::{UnitKind, VillageKind};

const VILLAGES: &str = include_str!("../../../../hub-server/data/registry/villages_codes.csv");
const POINTS: &str = include_str!("../../../../hub-server/data/registry/service_points.csv");
const SERVICES: &str = include_str!("../../../../hub-server/data/registry/services.json");
const HOLIDAYS: &str = include_str!("../../../../hub-server/data/registry/holidays_id_2026_2027.csv");

const VILLAGE_HEADER: &str = "code,name,kind,district_code,district,regency_code,regency,postal_code";

fn take(kind: &Kind, format: Format, known: &Registries, text: &str) -> Result<Imported, ImportError> {
    import(&Source { kind, format, known }, text.as_bytes())
}

fn csv(kind: &Kind, text: &str) -> Result<Imported, ImportError> {
    take(kind, Format::Csv, &Registries::default(), text)
}

fn lines(result: Result<Imported, ImportError>) -> Vec<String> {
    result.expect_err("wrong").lines("f.csv")
}

/// The rows of one district, as a district's own file would hold them.
fn cut(text: &str, district: &str) -> String {
    let mut lines = text.lines();
    let header = lines.next().expect("header").to_owned();
    std::iter::once(header)
        .chain(lines.filter(|l| l.starts_with(district)).map(str::to_owned))
        .collect::<Vec<_>>()
        .join("\r\n")
}

fn alor() -> Registries {
    let mut registries = Registries::default();
    registries.put(csv(&Kind::Villages, &cut(VILLAGES, "53.05.")).expect("sound").table);
    registries
        .put(take(&Kind::Services, Format::Json, &Registries::default(), SERVICES).expect("sound").table);
    registries
}

#[test]
fn the_villages_of_ten_regencies_are_all_read() {
    let districts: BTreeSet<_> = VILLAGES.lines().skip(1).map(|line| &line[..5]).collect();
    assert_eq!(districts.len(), 10);
    let mut rows = 0;
    for of in districts {
        let imported = take(&Kind::Villages, Format::Csv, &Registries::default(), &cut(VILLAGES, of));
        rows += imported.expect("sound").table.len();
    }
    assert_eq!(rows, 1_725);
    let alor = alor();
    let village = |code: &str| alor.village(&code.parse().expect("valid")).expect("listed").clone();
    assert_eq!(village("53.05.02.2022").name, "O'a Mate");
    assert_eq!(village("53.05.02.2023").name, "Ala'ang");
    assert_eq!(village("53.05.01.1001").kind, VillageKind::Kelurahan);
}

#[test]
fn the_service_points_of_a_district_are_all_read() {
    for (of, points) in [("53.02", 59), ("53.06", 50), ("52.07", 14), ("33.17", 152)] {
        let mut known = Registries::default();
        known.put(take(&Kind::Villages, Format::Csv, &known, &cut(VILLAGES, of)).expect("sound").table);
        let imported = take(&Kind::ServicePoints, Format::Csv, &known, &cut(POINTS, of)).expect("sound");
        assert_eq!((imported.table.len(), imported.ignored.len()), (points, 0));
        known.put(imported.table);
        assert_eq!(known.points().len(), points);
        assert_eq!(known.unreadable().count(), 0);
    }
}

#[test]
fn the_catalogue_and_the_holidays_are_read() {
    let registries = alor();
    assert_eq!((registries.services().count(), registries.agencies().len()), (24, 13));
    let lahir = registries.service("DUK-LAHIR").expect("listed");
    assert_eq!(lahir.requirements.len(), 4);
    assert!(lahir.requirements[0].contains(", atau SPTJM"));
    assert_eq!(csv(&Kind::Holidays, HOLIDAYS).expect("sound").table.len(), 51);
}

#[test]
fn each_wrong_cell_is_told_with_its_line() {
    let text = format!(
        "{VILLAGE_HEADER}\r\n\
         53.99,Kosong,desa,53.99.01,X,53.99,Y,1\r\n\
         53.06.01.2001,Lain,desa,53.06.01,X,53.06,Y,86211\r\n\
         \r\n\
         53.05.02.2022,\"O'a Mate\",kelurahan,53.05.03,X,53.05,Y,85851\r\n\
         53.05.02.2023,Ala'ang,desa,53.05.02,X,53.05,Y,\r\n\
         53.05.02.2023,Ala'ang,desa,53.05.02,X,53.05,Y,\r\n\
         53.05.02.4001,,desa,53.05.02,X,53.05,Y\r\n\
         53.05.02.4001,,desa,53.05.02,X,53.05,Y,\r\n"
    );
    assert_eq!(
        lines(csv(&Kind::Villages, &text)),
        [
            "f.csv line 2: code \"53.99\" is not a village code such as 53.02.01.1001",
            "f.csv line 2: postal_code \"1\" is not a postal code of five digits",
            "f.csv line 5: district_code \"53.05.03\" disagrees with code: it should be \"53.05.02\"",
            "f.csv line 5: kind \"kelurahan\" disagrees with code: it should be \"desa\"",
            "f.csv line 7: code \"53.05.02.2023\" is already on line 6",
            "f.csv line 8: row \"53.05.02.4001\" has 7 cells where the first line has 8",
            "f.csv line 9: name \"\" is empty; write a name of at most 500 characters",
            "f.csv line 9: code \"53.05.02.4001\" is not a village code whose last group begins with 1, 2 or 3",
        ]
    );
}

#[test]
fn a_customary_village_is_one_by_its_code() {
    let row = "53.05.02.3001,Adat,desa adat,53.05.02,X,53.05,Y,";
    let table = csv(&Kind::Villages, &format!("{VILLAGE_HEADER}\n{row}")).expect("sound").table;
    assert!(table.get("53.05.02.3001").expect("there").contains("\"kind\":\"desa_adat\""));
}

#[test]
fn line_ends_marks_and_blanks_change_nothing() {
    let plain = cut(VILLAGES, "53.05.").replace("\r\n", "\n");
    let table = csv(&Kind::Villages, &plain).expect("sound").table;
    for text in [
        plain.replace('\n', "\r\n"),
        format!("\u{feff}{plain}"),
        format!("{plain}\n\n,,,,,,,\n"),
        plain.replace(',', " , "),
    ] {
        assert_eq!(csv(&Kind::Villages, &text).expect("sound").table.version(), table.version());
    }
}

#[test]
fn lines_are_counted_as_editors_count_them() {
    for end in ["\n", "\r\n"] {
        for blank in ["", "\n\n", "\r\n"] {
            let rows = ["id,name,decoy", "a,Ina,\"two\nlines\"", "b,Ama,", ",Oa,"];
            let text = format!("{}{end}{blank}{}{end}{}{end}{blank}{}", rows[0], rows[1], rows[2], rows[3]);
            let line = text[..text.find(",Oa").expect("there")].matches('\n').count() + 1;
            let told = lines(csv(&Kind::Officers, &text));
            assert_eq!(
                told,
                [format!(
                    "f.csv line {line}: id \"\" is empty; write an officer's id of at most 64 characters"
                )]
            );
        }
    }
}

#[test]
fn a_file_of_another_form_is_told_so() {
    let shifted = format!("{VILLAGE_HEADER}\n").replace(',', ";");
    for (text, told) in [
        ("", "the file holds no rows"),
        ("\u{feff}", "the file holds no rows"),
        (&format!("{VILLAGE_HEADER}\n"), "the file holds no rows"),
        (&shifted, "the columns are separated by ';'; save the file with commas"),
        ("code,name,code\n", "the first line names the column code twice"),
    ] {
        assert_eq!(csv(&Kind::Villages, text).expect_err("wrong").to_string(), told);
    }
    let told = csv(&Kind::Units, "unit,nama\nV01,Mobil\n").expect_err("wrong").to_string();
    assert_eq!(told, "the first line lacks the columns name, kind; it must name unit, name, kind");
    assert!(matches!(csv(&Kind::Devices, "number"), Err(ImportError::NotImported { .. })));
    let source = Source { kind: &Kind::Units, format: Format::Csv, known: &Registries::default() };
    assert!(matches!(import(&source, b"unit\nname\n\xff"), Err(ImportError::NotUtf8 { line: 3 })));
    assert!(matches!(import(&source, &vec![b'a'; FILE_BYTES_MAX + 1]), Err(ImportError::TooLong { .. })));
}

#[test]
fn columns_that_no_row_uses_are_named() {
    let imported = csv(&Kind::Units, "Unit,name,kind,plate\nV01,Mobil,mobil,DH 1\n").expect("sound");
    assert_eq!(imported.ignored, BTreeSet::from(["plate".to_owned()]));
}

#[test]
fn units_name_villages_that_there_are() {
    let known = alor();
    let text = "unit,name,kind,villages\n\
                V01,Mobil 1,van,53.05.02.2023; 53.05.01.1001\n\
                B1,Kapal,kapal,\n";
    let table = take(&Kind::Units, Format::Csv, &known, text).expect("sound").table;
    let json = r#"[{"unit":"B1","name":"Kapal","kind":"boat","villages":[]},
        {"unit":"V01","name":"Mobil 1","kind":"van","villages":["53.05.01.1001","53.05.02.2023"]}]"#;
    assert_eq!(take(&Kind::Units, Format::Json, &known, json).expect("sound").table, table);
    let unit: Unit = serde_json::from_str(table.get("B1").expect("there")).expect("reads");
    assert_eq!(unit.kind, UnitKind::Boat);
    let wrong = "unit,name,kind,villages\nv1,Mobil,car,53.05.01.2999;53.06.01.2001;53.05.01.1001;53.05.01.1001\n\
                 V02,Mobil,van,53.05.01.2999;53.06.01.2001\n";
    assert_eq!(
        lines(take(&Kind::Units, Format::Csv, &known, wrong)),
        [
            "f.csv line 2: unit \"v1\" is not a unit of capital letters and digits such as V01",
            "f.csv line 2: kind \"car\" is not van, bus, boat, motorcycle, train or walking",
            "f.csv line 2: villages \"53.05.01.1001\" is already on line 2",
            "f.csv line 3: villages \"53.05.01.2999\" is not in the villages registry",
            "f.csv line 3: villages \"53.06.01.2001\" is not in the villages registry",
        ]
    );
}

#[test]
fn officers_act_for_agencies_that_there_are() {
    let text = "id,name,agencies\nina,Ina Ala'ang,TAS;DUK\nama,Ama,\n";
    let table = take(&Kind::Officers, Format::Csv, &alor(), text).expect("sound").table;
    assert!(table.get("ina").expect("there").contains(r#"["DUK","TAS"]"#));
    let told = lines(take(&Kind::Officers, Format::Csv, &alor(), "id,name,agencies\nx,X,DUKK\n"));
    assert_eq!(told, ["f.csv line 2: agencies \"DUKK\" is not in the services registry"]);
}

#[test]
fn service_points_come_as_features_too() {
    let feature = |code: &str, name: &str, geometry: &str| {
        format!(
            r#"{{"type":"Feature","properties":{{"village_code":"{code}","name":"{name}"}},"geometry":{geometry}}}"#
        )
    };
    let point = |longitude: &str, latitude: &str| {
        format!(r#"{{"type":"Point","coordinates":[{longitude},{latitude}]}}"#)
    };
    let collection = |features: &[String]| {
        format!(r#"{{"type":"FeatureCollection","features":[{}]}}"#, features.join(","))
    };
    let take = |text: &str| take(&Kind::ServicePoints, Format::GeoJson, &alor(), text);
    let sound = collection(&[
        feature("53.05.02.2022", "O'a Mate", &point("124.4", "-8.2")),
        feature("53.05.02.2022", "Dusun Dua", &point("124.5", "-8.3")),
    ]);
    let keys: Vec<_> = take(&sound).expect("sound").table.iter().map(|(key, _)| key.to_owned()).collect();
    assert_eq!(keys, ["53.05.02.2022-dusun-dua", "53.05.02.2022-oa-mate"]);
    let wrong = collection(&[
        feature("53.05.02.2022", "A", &point("-8.2", "124.4")),
        feature("53.05.02.2022", "B", r#"{"type":"LineString","coordinates":[]}"#),
        feature("53.05.02.2999", "C", &point("124.4", "-8.2")),
        feature("53.05.02.2022", "D", &point("124.4", "8.2")),
        r#"{"type":"Feature"}"#.to_owned(),
    ]);
    assert_eq!(
        lines(take(&wrong)),
        [
            "f.csv item 1: lat \"124.4\" is not a latitude in Indonesia, -11.5 to 6.5 degrees",
            "f.csv item 1: lon \"-8.2\" is not a longitude in Indonesia, 94.5 to 141.5 degrees",
            "f.csv item 2: geometry \"{\\\"type\\\":\\\"LineString\\\",\\\"coordinates\\\":[]}\" is not a Point with coordinates [longitude, latitude]",
            "f.csv item 3: village_code \"53.05.02.2999\" is not in the villages registry",
            "f.csv item 4: lat \"8.2\" is not a latitude in Indonesia, -11.5 to 6.5 degrees",
            "f.csv item 5: properties \"null\" is not a Feature with the properties village_code and name",
        ]
    );
    assert!(matches!(take("[]"), Err(ImportError::Shape { .. })));
}

#[test]
fn a_wrong_catalogue_is_told_by_service() {
    let service = r#"{"code":"DUK-KK","agency_code":"DUK","agency":"Dinas","name_id":"Kartu","name_en":"Card",
        "offline_mode":"by_pigeon","tariff":"gratis","tariff_rp":-1,"sla_value":24,"requirements":["KK","KK",""],
        "product":{"name":"KK"},"age_from":17}"#;
    let told = lines(take(
        &Kind::Services,
        Format::Json,
        &Registries::default(),
        &format!(r#"{{"note":"x","services":[{service},5]}}"#),
    ));
    assert_eq!(
        told,
        [
            "f.csv item 1: product \"{\\\"name\\\":\\\"KK\\\"}\" is not a text, a number, true, false, null or a list of texts",
            "f.csv item 1: offline_mode \"by_pigeon\" is not full, intake or online_step",
            "f.csv item 1: tariff_rp \"-1\" is not a sum in whole rupiah such as 30000",
            "f.csv item 1: sla_unit \"\" is empty; write hour, day or workday",
            "f.csv item 1: requirements \"KK\" is already on item 1",
            "f.csv item 1: requirements \"\" is not a text of at most 500 characters on one line",
            "f.csv item 2: row \"5\" is not an object",
        ]
    );
    let cut = take(&Kind::Services, Format::Json, &Registries::default(), "[{\"code\":\n");
    assert!(lines(cut)[0].starts_with("f.csv: the file is not JSON: "), "line and column are told");
}

#[test]
fn a_thousand_wrong_rows_are_told_as_a_hundred() {
    let text = format!("id,name\n{}", ",x\n".repeat(1_000));
    let told = lines(csv(&Kind::Officers, &text));
    assert_eq!((told.len(), told[100].as_str()), (101, "f.csv and 900 more"));
}

#[test]
fn an_import_replaces_or_joins() {
    let first = csv(&Kind::Officers, "id,name\na,Ina\nb,Ama\n").expect("sound").table;
    let second = csv(&Kind::Officers, "id,name\nb,Oa\nc,Ama\n").expect("sound");
    let merged = second.clone().onto(Some(&first), Mode::Merge);
    assert_eq!(merged.len(), 3);
    assert!(merged.get("b").expect("there").contains("Oa"));
    assert_eq!(second.clone().onto(Some(&first), Mode::Replace), second.table);
    assert_eq!(second.clone().onto(None, Mode::Merge), second.table);
}

proptest::proptest! {
    #[test]
    fn nothing_that_a_file_holds_panics(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
        for kind in Kind::KNOWN {
            for format in [Format::Csv, Format::Json, Format::GeoJson] {
                let source = Source { kind, format, known: &Registries::default() };
                proptest::prop_assert!(import(&source, &bytes).is_err());
            }
        }
    }

    #[test]
    fn a_damaged_file_is_read_or_told(at in 0usize..40_000, byte in proptest::prelude::any::<u8>()) {
        let mut bytes = cut(POINTS, "53.06").into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        let source = Source {
            kind: &Kind::ServicePoints,
            format: Format::Csv,
            known: &Registries::default(),
        };
        match import(&source, &bytes) {
            Ok(imported) => proptest::prop_assert!(imported.table.len() >= 49),
            Err(error) => proptest::prop_assert!(!error.lines("f").is_empty()),
        }
    }
}

#[test]
fn sound_rows_of_a_pre_list_are_taken_and_wrong_ones_told() {
    let text = "nik,name,sex,born,mother,father,kk,village,address,phone,service,priority,dusun\n\
        5305016902009003,Ala'ang Nope,,2000-02-29,Yuliana Tefa,,5305010101200001,53.05.02.2023,RT 1,0812-3456-7890,DUK-LAHIR,lansia,I\n\
        ,Bayi Nope,P,2026,,,5305010101200001,53.05.02.2023,,,,,\n\
        0000,Tanpa,L,,,,12,53.05.99.2023,,12,XX-YY,raja,\n\
        5305016902009003,Kembar,L,,,,,53.05.02.2023,,,,,\n\
        ,Tanpa Kelamin,,,,,,53.05.02.2023,,,,,\n";
    let imported = take(&Kind::Prelist, Format::Csv, &alor(), text).expect("two rows are sound");
    assert_eq!(imported.ignored.iter().map(String::as_str).collect::<Vec<_>>(), ["dusun"]);
    let wrong: Vec<_> = imported.wrong.rows.iter().map(|row| (row.place, row.column)).collect();
    let fourth =
        ["nik", "kk", "village", "phone", "service", "priority"].map(|column| (Place::Line(4), column));
    assert_eq!(wrong, [&fourth[..], &[(Place::Line(5), "name"), (Place::Line(6), "sex")]].concat());
    assert_eq!(imported.wrong.total, 8);
    let mut known = alor();
    known.put(imported.table);
    let rows: BTreeMap<_, _> = known.prelist().map(|row| (row.name.as_str(), row)).collect();
    assert_eq!(rows.keys().copied().collect::<Vec<_>>(), ["Ala'ang Nope", "Bayi Nope"]);
    let nope = rows["Ala'ang Nope"];
    assert_eq!((nope.sex.as_str(), nope.priority.as_deref()), ("P", Some("elderly")));
    assert_eq!(nope.phone.as_deref(), Some("+6281234567890"));
    assert_eq!(rows["Bayi Nope"].kk, nope.kk);
}

#[test]
fn a_pre_list_is_emptied_by_a_file_without_rows_and_kept_where_no_row_is_sound() {
    let empty = csv(&Kind::Prelist, "name,village\n").expect("an empty list is a list");
    assert!(empty.table.is_empty());
    assert_eq!(
        lines(csv(&Kind::Prelist, "name,village,sex\nNope,53.05.02.2023,X\n")),
        ["f.csv line 2: sex \"X\" is not L or P"]
    );
}
