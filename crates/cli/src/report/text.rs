//! Text from a source on somebody's terminal.

/// Replaces control characters, so that a name cannot move the cursor, change colours or break a line.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if is_control(c) { '\u{fffd}' } else { c })
        .collect()
}

/// As [`printable`], with lines kept.
pub(crate) fn printable_lines(text: &str) -> impl Iterator<Item = String> {
    text.lines().map(|line| printable(&line.replace('\t', "    ")))
}

/// C0 and C1 controls, and the marks that turn the direction of text around.
fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_do_not_reach_the_terminal() {
        assert_eq!(
            printable("a\x1b[2Jb\r\nc\u{9b}d\u{202e}e"),
            "a\u{fffd}[2Jb\u{fffd}\u{fffd}c\u{fffd}d\u{fffd}e"
        );
        assert_eq!(printable("Größe_表"), "Größe_表");
        assert_eq!(
            printable_lines("a\tb\r\nc\x07").collect::<Vec<_>>(),
            ["a    b", "c\u{fffd}"]
        );
    }
}
