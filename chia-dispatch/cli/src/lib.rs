#![doc = include_str!("../README.md")]

mod args;
mod cache;
mod diff;
mod error;
mod forecast;
mod output;
mod progress;
mod report;
mod run;
mod runs;
mod text;
mod trace;
mod value;
mod why;

pub use error::exit;
pub use forecast::{CallForecast, RunForecast, forecast_run};
pub use report::render as render_report;
pub use run::run;
pub use trace::write as write_trace;
