//! Lines and comments, one below the other.

use super::toml_text;

/// Columns of a comment that is wrapped.
const WIDTH: usize = 110;

#[derive(Default)]
pub(super) struct Writer {
    text: String,
}

impl Writer {
    /// A line of TOML.
    pub(super) fn line(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    /// A comment of one line.
    pub(super) fn comment(&mut self, text: &str) {
        let text = toml_text::comment(text);
        let line = if text.is_empty() {
            "#".to_owned()
        } else {
            format!("# {text}")
        };
        self.line(line.trim_end());
    }

    /// A comment that may be long.
    pub(super) fn wrapped(&mut self, text: &str) {
        let mut line = String::new();
        for word in text.split_whitespace() {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > WIDTH {
                self.comment(&line);
                // What follows belongs to the first line.
                line = "   ".to_owned();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        self.comment(&line);
    }

    /// Begins a part of the file.
    pub(super) fn rule(&mut self, title: &str) {
        self.comment(&format!(
            "---- {title} {}",
            "-".repeat(WIDTH.saturating_sub(title.chars().count() + 6))
        ));
    }

    pub(super) fn blank(&mut self) {
        self.text.push('\n');
    }

    pub(super) fn finish(mut self) -> String {
        while self.text.ends_with("\n\n") {
            self.text.pop();
        }
        self.text
    }
}
