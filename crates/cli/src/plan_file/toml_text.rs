//! Strings, lists and keys as TOML writes them (<https://toml.io/en/v1.0.0>).

/// A basic string, on one line whatever it holds.
pub(super) fn string(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A list of strings.
pub(super) fn strings(items: &[String]) -> String {
    format!(
        "[{}]",
        items.iter().map(|i| string(i)).collect::<Vec<_>>().join(", ")
    )
}

/// A key, quoted where it has to be.
pub(super) fn key(name: &str) -> String {
    let bare = !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if bare { name.to_owned() } else { string(name) }
}

/// Reads one key that [`key`] wrote.
pub(super) fn read_key(text: &str) -> Option<String> {
    let table: std::collections::BTreeMap<String, bool> = toml::from_str(&format!("{text} = true")).ok()?;
    table.into_keys().next()
}

/// A comment's text: what TOML forbids in comments (control characters other than tab) is replaced.
pub(super) fn comment(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() && c != '\t' {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}
