//! The two streams: results on standard output, everything else on standard error.

use std::io::{self, IsTerminal, Write};

use crate::args::{ColorWhen, GlobalArgs};

/// How to talk to whoever started the command.
#[derive(Debug, Clone)]
pub(crate) struct Ui {
    /// Results are one JSON document, progress JSON lines.
    pub(crate) json: bool,
    /// Nothing but results, warnings and errors.
    pub(crate) quiet: bool,
    /// How often `-v` was given.
    pub(crate) verbose: u8,
    /// Whether standard error is a terminal that bars can be drawn on.
    pub(crate) bars: bool,
    out: Style,
    err: Style,
}

/// Whether a stream takes colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Style(bool);

impl Style {
    fn wrap(self, code: &str, text: &str) -> String {
        if self.0 {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }

    pub(crate) fn red(self, text: &str) -> String {
        self.wrap("1;31", text)
    }

    pub(crate) fn yellow(self, text: &str) -> String {
        self.wrap("1;33", text)
    }

    pub(crate) fn green(self, text: &str) -> String {
        self.wrap("1;32", text)
    }

    pub(crate) fn cyan(self, text: &str) -> String {
        self.wrap("1;36", text)
    }
}

/// `NO_COLOR` (<https://no-color.org>) counts when it is set and not empty.
fn colors(when: ColorWhen, terminal: bool, no_color: bool, dumb: bool) -> bool {
    match when {
        ColorWhen::Always => true,
        ColorWhen::Never => false,
        ColorWhen::Auto => terminal && !no_color && !dumb,
    }
}

impl Ui {
    pub(crate) fn new(global: &GlobalArgs) -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|v| v == "dumb");
        let style = |terminal| Style(colors(global.color, terminal, no_color, dumb));
        let terminal = io::stderr().is_terminal();
        Self {
            json: global.json,
            quiet: global.quiet,
            verbose: global.verbose,
            bars: terminal && !dumb && !global.json && !global.quiet,
            out: style(io::stdout().is_terminal()),
            err: style(terminal),
        }
    }

    /// Standard output's style.
    pub(crate) fn out_style(&self) -> Style {
        self.out
    }

    /// Standard error's style.
    pub(crate) fn err_style(&self) -> Style {
        self.err
    }

    /// Prints a result. A reader that went away early (`migrate inspect ... | head`) is no error.
    pub(crate) fn out(text: &str) {
        let mut stream = io::stdout().lock();
        let _ = stream.write_all(text.as_bytes());
        if !text.ends_with('\n') {
            let _ = stream.write_all(b"\n");
        }
        let _ = stream.flush();
    }

    /// Prints a result for machines.
    pub(crate) fn out_json(value: &serde_json::Value) {
        Self::out(&format!("{value:#}"));
    }

    /// Tells what is going on.
    pub(crate) fn say(&self, text: &str) {
        if !self.quiet && !self.json {
            Self::err_line(text);
        }
    }

    /// Tells something that a person should look at, also with `--quiet`.
    pub(crate) fn warn(&self, text: &str) {
        if self.json {
            Self::err_line(&serde_json::json!({ "event": "warning", "text": text }).to_string());
        } else {
            Self::err_line(&format!("{} {text}", self.err.yellow("warning:")));
        }
    }

    /// Writes one line to standard error. Nobody is left to be told if that fails.
    pub(crate) fn err_line(text: &str) {
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// Asks for a yes on the terminal; `None` where there is nobody to ask.
    pub(crate) fn confirm(question: &str) -> Option<bool> {
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return None;
        }
        let _ = write!(io::stderr().lock(), "{question} [y/N] ");
        let mut answer = String::new();
        io::stdin().read_line(&mut answer).ok()?;
        Some(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colors_follow_flag_terminal_and_environment() {
        assert!(colors(ColorWhen::Always, false, true, true));
        assert!(!colors(ColorWhen::Never, true, false, false));
        assert!(colors(ColorWhen::Auto, true, false, false));
        assert!(!colors(ColorWhen::Auto, false, false, false));
        assert!(!colors(ColorWhen::Auto, true, true, false));
        assert!(!colors(ColorWhen::Auto, true, false, true));
    }
}
