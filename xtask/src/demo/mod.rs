//! `cargo xtask demo`: the two examples, with sentences for people or objects for programs.
//!
//! [`stage`] builds them and has what they run on, [`scenes`] says what they show.

mod cluster;
mod report;
mod scenes;
mod stage;

use stage::Stage;

use crate::flags::Demo;
use crate::{interrupt, processes, scratch};

/// Builds the examples once and plays all scenes. Interrupted, it leaves nothing behind.
pub(crate) fn run(flags: &Demo) -> anyhow::Result<()> {
    processes::adopt_orphans()?;
    interrupt::end_everything_on_signals()?;
    let played = Stage::set(flags).and_then(|stage| {
        scenes::killed_and_continued(&stage)?;
        scenes::replayed_on_purpose(&stage)?;
        scenes::changed_and_checked(&stage)?;
        scenes::searched_twice(&stage)
    });
    processes::end_all(cluster::STOP);
    scratch::remove();
    played
}
