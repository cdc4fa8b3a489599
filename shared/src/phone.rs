//! Telephone numbers: stored as `+62812…`, shown as `0812-3456-7890`.

/// A number as stored: `+62` and the rest where it is an Indonesian one, otherwise as typed without
/// spaces and marks. The second value tells whether it looks like a mobile number that exists.
pub fn normalise(text: &str) -> (String, bool) {
    let kept: String =
        text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '.' | '(' | ')' | '/')).collect();
    let digits = kept.strip_prefix('+').unwrap_or(&kept);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return (kept, false);
    }
    let national = match (kept.starts_with('+'), digits.strip_prefix("62"), digits.strip_prefix('0')) {
        (_, Some(rest), _) => rest,
        (false, None, Some(rest)) => rest,
        (false, None, None) if digits.starts_with('8') => digits,
        _ => return (kept, false),
    };
    // 08xx and 10 to 13 digits with the leading zero.
    let is_mobile = national.starts_with('8') && (9..=12).contains(&national.len());
    (format!("+62{national}"), is_mobile)
}

/// A stored number in groups: `0812-3456-7890`; one that is not Indonesian stays as it is.
pub fn display(stored: &str) -> String {
    let Some(national) = stored.strip_prefix("+62").filter(|rest| rest.bytes().all(|b| b.is_ascii_digit()))
    else {
        return stored.to_owned();
    };
    let digits = format!("0{national}");
    let mut groups = Vec::new();
    let mut rest = digits.as_str();
    while rest.len() > 5 {
        let (group, after) = rest.split_at(4);
        groups.push(group);
        rest = after;
    }
    groups.push(rest);
    groups.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_stored_in_one_form() {
        for (typed, stored, mobile) in [
            ("0812-3456-7890", "+6281234567890", true),
            ("+62 812 3456 7890", "+6281234567890", true),
            ("6281234567890", "+6281234567890", true),
            ("81234567890", "+6281234567890", true),
            ("(0388) 21021", "+6238821021", false),
            ("0812", "+62812", false),
            ("+60123456789", "+60123456789", false),
            ("pos desa", "posdesa", false),
            ("", "", false),
        ] {
            assert_eq!(normalise(typed), (stored.to_owned(), mobile), "{typed}");
        }
    }

    #[test]
    fn numbers_are_shown_in_groups() {
        assert_eq!(display("+6281234567890"), "0812-3456-7890");
        assert_eq!(display("+628123456789"), "0812-3456-789");
        assert_eq!(display("+60123456789"), "+60123456789");
    }
}
