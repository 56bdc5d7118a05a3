//! An error as whoever has to deal with it wants to read it.

use std::error::Error as _;

use migrate_core::Error;
use serde_json::json;

use super::text::{printable, printable_lines};
use crate::exit::Exit;
use crate::ui::Ui;

/// Prints `error: what (where)`, each cause on a line of its own, and `hint: what to do`.
pub(crate) fn print(error: &Error, ui: &Ui) {
    if ui.json {
        Ui::err_line(&as_json(error).to_string());
        return;
    }
    let style = ui.err_style();
    let mut message = printable_lines(&error.to_string())
        .collect::<Vec<_>>()
        .join("\n  ");
    if message.is_empty() {
        message = "unknown".to_owned();
    }
    Ui::err_line(&format!("{} {message}", style.red("error:")));
    for cause in causes(error) {
        let text = printable_lines(&cause).collect::<Vec<_>>().join("\n  ");
        Ui::err_line(&format!("  {} {text}", style.dim("because:")));
    }
    if let Some(hint) = error.hint_text() {
        let text = printable_lines(hint).collect::<Vec<_>>().join("\n  ");
        Ui::err_line(&format!("{} {text}", style.cyan("hint:")));
    }
}

/// The causes from the nearest on, without those that only repeat what was said.
fn causes(error: &Error) -> Vec<String> {
    let mut said = vec![error.to_string()];
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !said.iter().any(|s| s.contains(&text)) {
            said.push(text);
        }
        next = cause.source();
    }
    said.split_off(1)
}

fn as_json(error: &Error) -> serde_json::Value {
    json!({
        "event": "error",
        "kind": format!("{:?}", error.kind()),
        "side": format!("{:?}", error.side()),
        "message": printable(&error.to_string()),
        "causes": causes(error),
        "hint": error.hint_text(),
        "transient": error.is_transient(),
        "exit_code": Exit::of(error).code(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use migrate_core::ErrorKind;

    #[test]
    fn causes_are_told_once() {
        let io = std::io::Error::other("disk on fire");
        let inner = Error::source_side(ErrorKind::Io, "cannot read").because(io);
        let outer = Error::source_side(ErrorKind::Corrupt, "the part ends early")
            .at("file", "a.bacpac")
            .because(inner);
        assert_eq!(causes(&outer), ["cannot read", "disk on fire"]);
        let repeating = Error::new(ErrorKind::Io, "cannot read: disk on fire")
            .because(std::io::Error::other("disk on fire"));
        assert!(causes(&repeating).is_empty());
        let value = as_json(&outer);
        assert_eq!(value["exit_code"], 4);
        assert_eq!(value["message"], "the part ends early (file a.bacpac)");
    }
}
