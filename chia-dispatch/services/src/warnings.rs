//! Warnings that the user must see: they go to standard error where nobody listens to `tracing`.

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::sync::OnceLock;

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::NoSubscriber;
use tracing::{Dispatch, Event, Level, Metadata, Subscriber, dispatcher};

/// Emits warnings: to the subscriber of this thread or program or, where there is none and `quiet` is not
/// set, to standard error.
///
/// ```
/// chia_services::warnings::report(false, || tracing::warn!(function = "simulate", "runs for real"));
/// ```
pub fn report(quiet: bool, emit: impl FnOnce()) {
    static STDERR: OnceLock<Dispatch> = OnceLock::new();
    if quiet || dispatcher::get_default(|dispatch| !dispatch.is::<NoSubscriber>()) {
        return emit();
    }
    dispatcher::with_default(STDERR.get_or_init(|| Dispatch::new(Stderr)), emit);
}

/// Prints warnings, a line each, and nothing else.
struct Stderr;

impl Subscriber for Stderr {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() <= Level::WARN
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::WARN)
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        // Where standard error is closed there is nobody to tell.
        writeln!(std::io::stderr().lock(), "{line}").ok();
    }
}

/// The message of a warning, and its fields as `name=value`.
#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let written = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => {
                let gap = if self.fields.is_empty() { "" } else { ", " };
                write!(self.fields, "{gap}{name}={value:?}")
            }
        };
        debug_assert!(written.is_ok(), "a string takes everything");
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.message.starts_with("warning:") {
            f.write_str("warning: ")?;
        }
        f.write_str(&self.message)?;
        match self.fields.is_empty() {
            true => Ok(()),
            false => write!(f, " ({})", self.fields),
        }
    }
}
