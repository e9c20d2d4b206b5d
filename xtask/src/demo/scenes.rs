//! The scenes of the demo.

use std::process::Command;

use serde_json::json;

use super::stage::Stage;

/// Results that the killed loop reports before it dies.
const SEEN: u64 = 6;

/// A loop is killed in the middle, started again, and continues.
pub(super) fn killed_and_continued(stage: &Stage) -> anyhow::Result<()> {
    stage.say("\n1. A crash loses no finished result.");
    stage.say("   A loop of 16 calls counts prime numbers. Every result is in the cache before the loop sees it.");
    let rules = crate::repo::top().join("chia-dispatch/loop/examples/bypass_cache/replay_all.yaml");
    let rules = rules.to_string_lossy();
    stage.run_and_kill("bypass_cache", &["--flush", "--config", &rules], SEEN)?;
    stage.print(&json!({"example": "bypass_cache", "run": "killed", "finished": SEEN}).to_string());
    stage.say(&format!("   After {SEEN} results the loop is killed (SIGKILL): it cannot clean up. The same command again:"));
    let resumed = stage.run("bypass_cache", &["--name", "resumed", "--config", &rules])?;
    let (ran, replayed) = (resumed.ran, resumed.replayed);
    anyhow::ensure!(
        replayed >= SEEN && ran + replayed == resumed.calls,
        "{replayed} calls were replayed and {ran} ran, although {SEEN} were finished"
    );
    let unseen = match replayed - SEEN {
        0 => String::new(),
        more => format!(" ({more} more were finished than it had reported)"),
    };
    stage.say(&format!("   {replayed} results came from the cache{unseen}, the other {ran} calls ran. No finished call was repeated."));
    Ok(())
}

/// Rules select which calls are replayed.
pub(super) fn replayed_on_purpose(stage: &Stage) -> anyhow::Result<()> {
    stage.say("\n2. Rules in a YAML file select what is kept and what is replayed.");
    stage.say("   Here all results are kept, and those of iterations 1 and 3 are replayed. First with an empty cache:");
    let cold = stage.run("bypass_cache", &["--flush"])?;
    stage.say(&format!(
        "   {} calls ran in {:.2} s, {} results were written. Again:",
        cold.ran, cold.seconds, cold.written
    ));
    let warm = stage.run("bypass_cache", &[])?;
    anyhow::ensure!(
        cold.results == warm.results,
        "the second run has other results than the first"
    );
    stage.say(&format!(
        "   {} calls ran and {} were replayed in {:.2} s: {:.2} s of computing were saved, and the results are the same.",
        warm.ran, warm.replayed, warm.seconds, warm.saved_seconds
    ));
    Ok(())
}

/// A changed argument is noticed, and runs again where a check is asked for.
pub(super) fn changed_and_checked(stage: &Stage) -> anyhow::Result<()> {
    stage.say("\n3. A replay knows what it was computed from.");
    stage.say("   The same tags, but every call now starts at another number:");
    let changed = stage.run("bypass_cache", &["--name", "changed", "--first", "1000"])?;
    anyhow::ensure!(
        changed.replayed == changed.stale && changed.stale > 0,
        "{} calls were replayed, and {} of them were found stale",
        changed.replayed,
        changed.stale
    );
    stage.say(&format!(
        "   {} calls were replayed by their tags alone, and the loop warned that they are stale: the argument \
         `start` differs. The same with a check:",
        changed.replayed
    ));
    let checked =
        stage.run("bypass_cache", &["--name", "checked", "--first", "1000", "--check"])?;
    anyhow::ensure!(
        checked.ran == checked.calls && checked.stale == 0,
        "{} of {} calls ran under the check",
        checked.ran,
        checked.calls
    );
    stage.say(&format!(
        "   All {} calls ran: no result of other arguments was served.",
        checked.ran
    ));
    Ok(())
}

/// A search repeats nothing that it built or measured once.
pub(super) fn searched_twice(stage: &Stage) -> anyhow::Result<()> {
    stage.say("\n4. A search for the fastest build of a C kernel: build variants, run them, vary the best.");
    if Command::new("cc").arg("--version").output().is_err() {
        stage.say("   Skipped: there is no C compiler `cc`.");
        return Ok(());
    }
    let cold = stage.run("design_space", &["--flush"])?;
    stage.say(&format!(
        "   {} builds and measurements took {:.2} s. The winner is {}. Again:",
        cold.calls,
        cold.seconds,
        cold.winner()
    ));
    let warm = stage.run("design_space", &[])?;
    anyhow::ensure!(cold.winner() == warm.winner(), "the second search has another winner");
    stage.say(&format!(
        "   All {} were replayed in {:.2} s: {:.2} s of computing were saved, and the winner is the same.",
        warm.replayed, warm.seconds, warm.saved_seconds
    ));
    Ok(())
}
