//! Entra access tokens.

use std::time::Duration;

use migrate_core::{Error, ErrorKind, Result};
use secrecy::{ExposeSecret, SecretString};
use tokio::process::Command;

use crate::live::config::TokenSource;

/// How long a command may take to print a token: a person may have to confirm.
const COMMAND_TIMEOUT: Duration = Duration::from_mins(2);

/// A token for one connection.
pub(super) async fn fetch(source: &TokenSource) -> Result<SecretString> {
    let token = match source {
        TokenSource::Value(token) => token.expose_secret().trim().to_owned(),
        TokenSource::Environment(name) => std::env::var(name)
            .map_err(|_| {
                failed(format!(
                    "the environment variable {name}, which should hold an access token, is not set"
                ))
            })?
            .trim()
            .to_owned(),
        TokenSource::Command(command) => run(command).await?,
    };
    if token.is_empty() || token.chars().any(char::is_whitespace) {
        return Err(failed(
            "what should be an access token is empty or has blanks in it",
        ));
    }
    Ok(SecretString::from(token))
}

async fn run(command: &str) -> Result<String> {
    let (shell, flag) = if cfg!(windows) {
        ("cmd", "/C")
    } else {
        ("sh", "-c")
    };
    let mut process = Command::new(shell);
    process
        .arg(flag)
        .arg(command)
        .kill_on_drop(true)
        .stdin(std::process::Stdio::null());
    let output = match tokio::time::timeout(COMMAND_TIMEOUT, process.output()).await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) => return Err(failed(format!("token_command cannot be run: {error}"))),
        Err(_) => {
            return Err(failed(format!(
                "token_command took longer than {} seconds",
                COMMAND_TIMEOUT.as_secs()
            )));
        }
    };
    if !output.status.success() {
        // What it printed may hold a secret, so only its status is told.
        return Err(failed(format!("token_command failed: {}", output.status)));
    }
    String::from_utf8(output.stdout)
        .map(|text| text.trim().to_owned())
        .map_err(|_| failed("token_command printed something that is not text"))
}

fn failed(message: impl Into<String>) -> Error {
    Error::source_side(ErrorKind::Login, message)
        .hint("run the command by hand, or fetch a token for https://database.windows.net/ anew")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_command_prints_the_token() {
        let token = fetch(&TokenSource::Command("printf 'eyJ0.abc\\n'".into()))
            .await
            .unwrap();
        assert_eq!(token.expose_secret(), "eyJ0.abc");
    }

    #[tokio::test]
    async fn a_token_that_is_none_is_refused_without_being_shown() {
        for (source, message) in [
            (
                TokenSource::Command("echo secret-part; exit 3".into()),
                "token_command failed: exit status: 3",
            ),
            (
                TokenSource::Command("echo secret-part with blanks".into()),
                "what should be an access token is empty or has blanks in it",
            ),
            (
                TokenSource::Environment("MSSQL_TOKEN_THAT_IS_NOT_SET".into()),
                "the environment variable MSSQL_TOKEN_THAT_IS_NOT_SET, which should hold an access token, is not set",
            ),
        ] {
            let error = fetch(&source).await.unwrap_err();
            assert_eq!(error.message(), message);
            assert_eq!(error.kind(), ErrorKind::Login);
        }
    }
}
