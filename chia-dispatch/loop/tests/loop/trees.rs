//! Files and directories as arguments and results.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use chia_loop::{CacheOptions, Chia, Directory, File, Function, Registry, Source};

/// Joins the files of a directory into one.
fn link(sources: Directory) -> Result<File, Box<dyn std::error::Error + Send + Sync>> {
    let dir = tempfile::tempdir()?;
    let (from, to) = (dir.path().join("src"), dir.path().join("program"));
    sources.put_at(&from)?;
    fs::write(&to, fs::read_to_string(from.join("a"))? + &fs::read_to_string(from.join("b"))?)?;
    fs::set_permissions(&to, fs::Permissions::from_mode(0o755))?;
    Ok(File::pack(&to)?)
}

static LINK: Function<(Directory,), File> = Function::new("link", &link).parameters(&["sources"]);

async fn start(dir: &Path) -> Chia {
    let yaml = "cache: {link: true}\nbypass: {link: {bypass: true, check: true}}\n";
    let config = chia_config::Config::parse(yaml, "rules.yaml", dir).expect("rules");
    let cache = CacheOptions::new("64 MB", dir.join("cache"));
    let builder = Chia::builder(Registry::new().function(&LINK)).config(config).cache(cache);
    let chia = builder.start().await.expect("the loop starts");
    chia.replay(&LINK).unwrap();
    chia
}

/// The program that is linked from a directory, how it came about, and why nothing was replayed.
async fn linked(chia: &Chia, sources: &Path) -> (File, Source, String) {
    let argument = Directory::at(sources).unwrap();
    let handle = chia.call(&LINK, (argument,)).tag("t").dispatch().await.unwrap();
    let value = handle.get().await.unwrap();
    let outcome = handle.outcome().unwrap();
    (value, outcome.source, outcome.missed.clone().unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn r27_a_directory_is_compared_by_what_it_holds() {
    let dir = tempfile::tempdir().unwrap();
    let (sources, copy) = (dir.path().join("sources"), dir.path().join("copy"));
    fs::create_dir(&sources).unwrap();
    fs::write(sources.join("a"), "one ").unwrap();
    fs::write(sources.join("b"), "two").unwrap();
    let chia = start(dir.path()).await;
    let (program, source, _) = linked(&chia, &sources).await;
    assert_eq!(source, Source::Ran);
    program.put_at(dir.path().join("program")).unwrap();
    assert_eq!(fs::read_to_string(dir.path().join("program")).unwrap(), "one two");
    let mode = fs::metadata(dir.path().join("program")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o755);
    // Elsewhere, written later, with other permissions: the same contents.
    Directory::pack(&sources).unwrap().put_at(&copy).unwrap();
    fs::set_permissions(copy.join("a"), fs::Permissions::from_mode(0o600)).unwrap();
    let (again, source, _) = linked(&chia, &copy).await;
    assert_eq!((again, source), (program.clone(), Source::Replayed));
    fs::write(copy.join("b"), "six").unwrap();
    let (other, source, missed) = linked(&chia, &copy).await;
    assert_eq!(source, Source::Ran);
    assert_ne!(other, program);
    assert!(missed.contains("argument 1 `sources` was "), "{missed}");
    chia.shutdown().await.unwrap();
}
