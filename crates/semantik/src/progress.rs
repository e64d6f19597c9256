//! Watching an operation: bars on a terminal, a line now and then elsewhere, Ctrl-C cancels.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use semantik_core::id::OperationId;
use semantik_core::operation::{Operation, OperationStatus};

use crate::client::Client;
use crate::error::CliError;
use crate::output::{Output, duration, thousands};

const POLL: Duration = Duration::from_millis(200);
const LINE_EVERY: Duration = Duration::from_secs(5);

/// How watching ended.
pub struct Watched {
    pub operation: Operation,
    /// Ctrl-C was pressed, and the cancellation went through.
    pub interrupted: bool,
    pub seconds: f64,
}

impl Watched {
    /// An operation that did not complete, as an error.
    pub fn into_result(self) -> Result<Self, CliError> {
        if self.interrupted {
            return Err(CliError::interrupted(
                "cancelled; what was already indexed stays searchable, and running the command again continues",
            ));
        }
        match self.operation.status {
            OperationStatus::Completed | OperationStatus::Pending | OperationStatus::Processing => Ok(self),
            OperationStatus::Cancelled => Err(CliError::interrupted("the operation was cancelled")),
            OperationStatus::Failed => {
                let why = self.operation.message.as_deref().unwrap_or("no reason was recorded");
                Err(CliError::internal(format!("the operation failed: {why}"))
                    .hint("`semantik operations show <id>` and `semantik doctor` tell more"))
            }
        }
    }
}

/// Follows an operation to its end. The first Ctrl-C asks for cancellation, the second leaves.
pub async fn watch(client: &Client, out: &Output, id: OperationId) -> Result<Watched, CliError> {
    let begun = Instant::now();
    let mut display = Display::new(out);
    let mut interrupted = false;
    loop {
        let operation: Operation = client.get(&format!("/operations/{id}")).await?;
        display.show(&operation);
        if operation.status.is_terminal() {
            display.finish();
            return Ok(Watched { operation, interrupted, seconds: begun.elapsed().as_secs_f64() });
        }
        tokio::select! {
            () = tokio::time::sleep(POLL) => {}
            signal = tokio::signal::ctrl_c() => {
                signal.map_err(CliError::internal)?;
                if interrupted {
                    display.finish();
                    return Err(CliError::interrupted("left while the cancellation is still under way"));
                }
                interrupted = true;
                display.say("cancelling … (Ctrl-C again leaves at once)");
                let _: serde_json::Value = client.delete(&format!("/operations/{id}")).await?;
            }
        }
    }
}

/// Where progress is shown.
enum Display {
    Bars(Box<Bars>),
    Lines { last: Instant, told: Option<String> },
    Silent,
}

struct Bars {
    all: MultiProgress,
    listing: ProgressBar,
    documents: ProgressBar,
    passages: ProgressBar,
}

impl Display {
    fn new(out: &Output) -> Self {
        if out.quiet {
            Self::Silent
        } else if std::io::stderr().is_terminal() {
            Self::Bars(Box::new(Bars::new()))
        } else {
            Self::Lines { last: Instant::now(), told: None }
        }
    }

    fn show(&mut self, operation: &Operation) {
        match self {
            Self::Silent => {}
            Self::Bars(bars) => bars.show(operation),
            Self::Lines { last, told } => {
                let text = line(operation);
                if last.elapsed() >= LINE_EVERY && told.as_ref() != Some(&text) {
                    eprintln_quietly(&text);
                    *last = Instant::now();
                    *told = Some(text);
                }
            }
        }
    }

    fn say(&self, text: &str) {
        match self {
            // A terminal that went away needs no message.
            Self::Bars(bars) => drop(bars.all.println(text)),
            Self::Lines { .. } => eprintln_quietly(text),
            Self::Silent => {}
        }
    }

    fn finish(&mut self) {
        if let Self::Bars(bars) = self {
            for bar in [&bars.listing, &bars.documents, &bars.passages] {
                bar.finish_and_clear();
            }
        }
    }
}

impl Bars {
    fn new() -> Self {
        let all = MultiProgress::new();
        let bar = |label: &str, template: &str| {
            let style = ProgressStyle::with_template(template)
                .unwrap_or_else(|_| ProgressStyle::default_bar())
                .progress_chars("━╸─");
            all.add(ProgressBar::new(0).with_style(style).with_message(label.to_owned()))
        };
        let counted = "{msg:10} {bar:30.cyan/dim} {human_pos} of {human_len}  {per_sec}  {eta} left";
        let bars = Self {
            listing: bar("listing", "{spinner} {msg}"),
            documents: bar("documents", counted),
            passages: bar("passages", counted),
            all: all.clone(),
        };
        bars.listing.enable_steady_tick(Duration::from_millis(120));
        bars
    }

    fn show(&self, operation: &Operation) {
        let p = &operation.progress;
        self.listing.set_message(match (operation.cancel_requested, p.listed) {
            (true, _) => "cancelling".to_owned(),
            (false, false) => format!("listing: {} documents found", thousands(p.documents_total)),
            (false, true) => "reading and indexing".to_owned(),
        });
        self.documents.set_length(p.documents_total);
        self.documents.set_position(p.documents_done);
        self.passages.set_length(p.chunks_total);
        self.passages.set_position(p.chunks_done);
    }
}

fn line(operation: &Operation) -> String {
    let p = &operation.progress;
    format!(
        "{}documents {} of {}{}, passages {} of {}",
        if p.listed { "" } else { "listing, " },
        thousands(p.documents_done),
        thousands(p.documents_total),
        if p.listed { "" } else { " so far" },
        thousands(p.chunks_done),
        thousands(p.chunks_total),
    )
}

fn eprintln_quietly(text: &str) {
    use std::io::Write;
    // Progress is a courtesy; a closed stderr is no reason to stop.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// One line for lists and `show`.
pub fn describe(operation: &Operation) -> String {
    let took = operation
        .ended_at
        .zip(operation.started_at)
        .map(|(end, start)| format!(" in {}", duration((end - start) as f64 / 1000.0)));
    format!("{} {}{}: {}", operation.kind, operation.status, took.unwrap_or_default(), line(operation))
}
