//! The report: one HTML file that holds the run and what draws it.

mod data;

use std::io::{self, Write};

use chia_record::Run;

const PAGE: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
const SCRIPTS: [&str; 4] = [
    include_str!("page/data.js"),
    include_str!("page/tables.js"),
    include_str!("page/timeline.js"),
    include_str!("page/main.js"),
];

/// Writes the report of a run: an HTML file that needs nothing else.
///
/// # Errors
/// When the writer fails.
pub fn render(run: &Run, mut out: impl Write) -> io::Result<()> {
    let title = format!("Run {} of {}", run.header.id, run.header.program);
    let data = serde_json::to_string(&data::Data::of(run)).map_err(io::Error::from)?;
    let mut rest = PAGE;
    while let Some((before, after)) = rest.split_once('@') {
        out.write_all(before.as_bytes())?;
        let Some((name, after)) = after.split_once('@') else { break };
        match name {
            "TITLE" => out.write_all(escaped(&title).as_bytes())?,
            "STYLE" => out.write_all(STYLE.as_bytes())?,
            // No text of the run ends the element that holds it.
            "DATA" => out.write_all(data.replace('<', "\\u003c").as_bytes())?,
            "SCRIPT" => SCRIPTS.iter().try_for_each(|script| out.write_all(script.as_bytes()))?,
            other => out.write_all(format!("@{other}@").as_bytes())?,
        }
        rest = after;
    }
    out.write_all(rest.as_bytes())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
