//! What a user sees of a loop on Ray from outside: its cache beside it, and its record.

use std::path::Path;

use chia_conformance::Layout;
use chia_loop::cache::ByteSize;
use chia_loop::{Chia, Result, Source};
use chia_services::{OwnerClient, OwnerError};
use libtest_mimic::Trial;

use crate::fixture::{self, trial};
use crate::functions::WHERE;
use crate::loops;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("owner::r34_the_cache_actor_does_what_a_tool_asks", the_actor_does_what_is_asked),
        trial("owner::r33_a_record_names_nodes_alike_in_header_and_ends", nodes_are_named_alike),
    ]
}

async fn call(chia: &Chia, tag: &str) -> Result<Source> {
    let handle = chia.call(&WHERE, (1,)).tag(tag).dispatch().await?;
    handle.get().await?;
    Ok(handle.outcome().expect("it is done").source)
}

/// What the tool does, on a thread that may block.
async fn ask<R: Send + 'static>(
    dir: &Path,
    what: impl FnOnce(OwnerClient) -> std::result::Result<R, OwnerError> + Send + 'static,
) -> R {
    let dir = dir.to_owned();
    let asked = tokio::task::spawn_blocking(move || OwnerClient::connect(&dir).and_then(what));
    asked.await.unwrap().unwrap()
}

async fn the_actor_does_what_is_asked() -> Result<()> {
    let cluster = fixture::shared_cluster(Layout::Two).await?;
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("cache");
    let chia = loops::start_replaying(&cluster.address, folder.path()).await?;
    for at in 0..8 {
        assert_eq!(call(&chia, &format!("iter{at}_call0")).await?, Source::Ran);
    }
    assert_eq!(call(&chia, "iter0_call0").await?, Source::Replayed);
    assert!(ask(&dir, |owner| owner.evict("iter0_call0")).await);
    assert_eq!(call(&chia, "iter0_call0").await?, Source::Ran);

    assert!(ask(&dir, |owner| owner.pin("iter1_call0", true)).await);
    let before = ask(&dir, |owner| owner.stats()).await;
    let half = ByteSize::new(before.bytes / 2);
    let refused = ask(&dir, move |owner| Ok(owner.resize(half, false))).await;
    assert!(matches!(refused, Err(OwnerError::Refused(_))), "{refused:?}");
    let after = ask(&dir, move |owner| owner.resize(half, true)).await;
    assert!(after.entries < 8 && after.bytes <= half.bytes(), "{after:?}");
    assert_eq!(call(&chia, "iter1_call0").await?, Source::Replayed, "it is pinned");
    assert!(ask(&dir, |owner| owner.pin("iter1_call0", false)).await);

    assert_eq!(ask(&dir, |owner| owner.clear()).await, after.entries);
    assert_eq!(call(&chia, "iter1_call0").await?, Source::Ran);
    loops::end(&chia).await
}

async fn nodes_are_named_alike() -> Result<()> {
    let cluster = fixture::shared_cluster(Layout::Two).await?;
    let folder = tempfile::tempdir().unwrap();
    let chia = loops::start(&cluster.address, folder.path()).await?;
    assert_eq!(call(&chia, "iter0_call0").await?, Source::Ran);
    let record = std::fs::read_to_string(chia.run_record().expect("it has a cache")).unwrap();
    let lines = record.lines().map(|line| serde_json::from_str(line).unwrap());
    let lines: Vec<serde_json::Value> = lines.collect();
    let known = lines[0]["nodes"].as_array().unwrap();
    let end = lines.iter().find(|line| line["e"] == "end").unwrap();
    assert_eq!(known.len(), 2, "{known:?}");
    assert_eq!(known.iter().filter(|node| node["name"] == end["node"]).count(), 1, "{record}");
    loops::end(&chia).await
}
