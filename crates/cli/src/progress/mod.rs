//! Showing how far a run is: bars on a terminal, a line now and then elsewhere, JSON lines for machines.
//!
//! Events only change a [`Tally`]; a thread of its own draws it a few times a second, so that workers never wait for a
//! terminal.

mod bars;
mod json;
mod lines;
mod tally;

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use migrate_core::observer::{Event, Observer};
use migrate_core::plan::Plan;

use crate::ui::Ui;

pub(crate) use tally::Tally;

/// One way to show a tally.
trait View: Send {
    /// How often [`tick`](Self::tick) is wanted.
    fn period(&self) -> Duration;
    /// Something happened; the tally knows already.
    fn event(&mut self, event: &Event, tally: &Tally);
    /// Time has passed.
    fn tick(&mut self, tally: &Tally);
    /// A part of the work with this many steps begins; a step is called so.
    fn phase(&mut self, name: &str, steps: usize, noun: &str);
    /// Nothing more will come.
    fn finish(&mut self, tally: &Tally);
}

struct State {
    tally: Tally,
    view: Box<dyn View>,
    finished: bool,
}

/// An observer that shows what it sees.
pub(crate) struct Progress {
    state: Mutex<State>,
    wake: Condvar,
}

/// Keeps the drawing thread; the display ends with it.
pub(crate) struct Display {
    progress: Arc<Progress>,
    thread: Option<JoinHandle<()>>,
}

impl Display {
    /// Begins to show a run of the plan.
    pub(crate) fn start(ui: &Ui, plan: &Plan) -> Self {
        let view: Box<dyn View> = if ui.json && !ui.quiet {
            Box::new(json::Json::new(ui.verbose >= 2))
        } else if ui.bars {
            Box::new(bars::Bars::new(ui.clone()))
        } else {
            Box::new(lines::Lines::new(ui.clone()))
        };
        Self::with_view(view, plan)
    }

    fn with_view(view: Box<dyn View>, plan: &Plan) -> Self {
        let state = State {
            tally: Tally::new(plan, Instant::now()),
            view,
            finished: false,
        };
        let progress = Arc::new(Progress {
            state: Mutex::new(state),
            wake: Condvar::new(),
        });
        let drawn = Arc::clone(&progress);
        // Without the thread nothing is drawn between events; the run itself does not need it.
        let thread = std::thread::Builder::new()
            .name("progress".to_owned())
            .spawn(move || drawn.draw())
            .ok();
        Self { progress, thread }
    }

    /// The observer to hand to the pipeline.
    pub(crate) fn observer(&self) -> Arc<dyn Observer> {
        Arc::clone(&self.progress) as Arc<dyn Observer>
    }

    /// Says that a part of the work begins that announces no steps itself.
    pub(crate) fn phase(&self, name: &str, steps: usize, noun: &str) {
        let mut state = self.progress.state();
        state.tally.phase(steps);
        state.view.phase(name, steps, noun);
    }

    /// Ends the display and clears the bars.
    pub(crate) fn finish(mut self) {
        self.end();
    }

    fn end(&mut self) {
        {
            let mut state = self.progress.state();
            if state.finished {
                return;
            }
            state.finished = true;
            let State { tally, view, .. } = &mut *state;
            view.finish(tally);
        }
        self.progress.wake.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        self.end();
    }
}

impl Progress {
    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves numbers that can still be shown.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn draw(&self) {
        let mut state = self.state();
        let mut last = Instant::now();
        while !state.finished {
            let period = state.view.period();
            let (guard, _) = self
                .wake
                .wait_timeout(state, period)
                .unwrap_or_else(PoisonError::into_inner);
            state = guard;
            if !state.finished && last.elapsed() >= period {
                last = Instant::now();
                let State { tally, view, .. } = &mut *state;
                tally.sample(last);
                view.tick(tally);
            }
        }
    }
}

impl Observer for Progress {
    fn event(&self, event: &Event) {
        let mut state = self.state();
        if state.finished {
            return;
        }
        let State { tally, view, .. } = &mut *state;
        tally.apply(event, Instant::now());
        view.event(event, tally);
    }
}
