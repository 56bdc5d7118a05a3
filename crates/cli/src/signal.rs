//! Ctrl-C and requests to terminate.

use tokio_util::sync::CancellationToken;

use crate::exit::Exit;
use crate::ui::Ui;

/// A token that the first Ctrl-C (or SIGTERM) cancels, so that the command stops in good order. The second one ends the
/// process at once: nothing is lost then either, since only whole transactions count.
pub(crate) fn cancellation(ui: &Ui) -> CancellationToken {
    let token = CancellationToken::new();
    let cancel = token.clone();
    let ui = ui.clone();
    tokio::spawn(async move {
        requested().await;
        ui.say("stopping after what is under way; Ctrl-C again stops at once");
        cancel.cancel();
        requested().await;
        std::process::exit(i32::from(Exit::Cancelled.code()));
    });
    token
}

/// A token that nothing cancels, while Ctrl-C does not end this process: the program that it started gets it too.
pub(crate) fn left_to_others() -> CancellationToken {
    tokio::spawn(async {
        loop {
            requested_by_key().await;
        }
    });
    CancellationToken::new()
}

async fn requested_by_key() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(unix)]
async fn requested() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
        signal(SignalKind::hangup()),
    ) else {
        // Without handlers a signal ends the process at once, which loses nothing.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
}

#[cfg(not(unix))]
async fn requested() {
    requested_by_key().await;
}
