//! What a collation's name says about how it compares.

use migrate_core::catalog::Collation;

/// Reads the sensitivity out of a name such as `Latin1_General_100_CI_AS_SC` or `Finnish_Swedish_BIN2`.
pub(crate) fn collation(name: &str) -> Collation {
    let words = || name.split('_');
    let has = |wanted: &str| words().any(|w| w.eq_ignore_ascii_case(wanted));
    // A binary collation tells everything apart; SQL Server's own default where a word is missing is `sensitive`.
    let binary = has("BIN") || has("BIN2");
    Collation {
        name: name.to_owned(),
        case_sensitive: binary || !has("CI"),
        accent_sensitive: binary || !has("AI"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sensitivity_is_in_the_name() {
        for (name, case, accent) in [
            ("SQL_Latin1_General_CP1_CI_AS", false, true),
            ("Latin1_General_100_CI_AI_SC_UTF8", false, false),
            ("Latin1_General_CS_AS_KS_WS", true, true),
            ("Latin1_General_100_BIN2_UTF8", true, true),
            ("Finnish_Swedish_BIN", true, true),
        ] {
            let c = collation(name);
            assert_eq!((c.case_sensitive, c.accent_sensitive), (case, accent), "{name}");
        }
    }
}
