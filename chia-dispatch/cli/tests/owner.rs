//! The tool beside a living owner: a loop in another process holds the cache, and does what the tool asks.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use chia_cache::{ByteSize, NewEntry, Options, Origin, Store};
use chia_loop::{CacheOptions, Chia, Function, Registry, Source};

/// Names the directory of the cache that the child owns.
const DIR: &str = "CHIA_CLI_TEST_DIR";

static SIM: Function<(u64,), u64> = Function::new("sim", &|seed: u64| seed + 1);

async fn start(dir: &Path) -> Chia {
    let rules = "cache: {sim: true}\nbypass: {sim: true}\n";
    let config = chia_config::Config::parse(rules, "rules.yaml", dir).unwrap();
    let builder = Chia::builder(Registry::new().function(&SIM)).config(config);
    let chia = builder.cache(CacheOptions::new("64 MB", dir)).start().await.unwrap();
    chia.replay(&SIM).unwrap();
    chia
}

async fn call(chia: &Chia, tag: &str) -> Source {
    let handle = chia.call(&SIM, (1,)).tag(tag).dispatch().await.unwrap();
    handle.get().await.unwrap();
    handle.outcome().unwrap().source
}

fn tool(dir: &Path, args: &[&str]) -> Output {
    let tool = env!("CARGO_BIN_EXE_chia-cache");
    Command::new(tool).args(args).arg("--dir").arg(dir).output().unwrap()
}

fn said(out: &Output) -> String {
    String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr)
}

/// Runs the tool, which has to succeed, on a thread that may block.
async fn succeeds(dir: &Path, args: &'static [&'static str]) -> String {
    let dir = dir.to_owned();
    let out = tokio::task::spawn_blocking(move || tool(&dir, args)).await.unwrap();
    assert!(out.status.success(), "{args:?}: {}", said(&out));
    said(&out)
}

fn endpoint(dir: &Path) -> std::path::PathBuf {
    dir.join(".chia/endpoint")
}

#[tokio::test(flavor = "multi_thread")]
async fn r34_a_loop_that_holds_the_cache_does_what_the_tool_asks() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("cache");
    let chia = start(&dir).await;
    for at in 0..20 {
        assert_eq!(call(&chia, &format!("a{at}")).await, Source::Ran);
    }
    assert_eq!(call(&chia, "a0").await, Source::Replayed);
    assert!(succeeds(&dir, &["rm", "a0"]).await.contains("1 entries removed"));
    assert_eq!(call(&chia, "a0").await, Source::Ran);

    assert!(succeeds(&dir, &["pin", "a1?"]).await.contains("10 entries pinned"));
    assert!(succeeds(&dir, &["show", "a11"]).await.contains("true"));
    assert!(succeeds(&dir, &["unpin", "a1?"]).await.contains("10 entries unpinned"));

    let stats = succeeds(&dir, &["stats"]).await;
    for fact in ["budget             64.0 MiB", "reads that hit     1\n", "values stored      21\n"]
    {
        assert!(stats.contains(fact), "`{fact}` is not in {stats}");
    }
    let refused = tool(&dir, &["resize", "100 B"]);
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    assert!(succeeds(&dir, &["resize", "1 KB"]).await.contains("20 entries"));
    assert!(succeeds(&dir, &["stats", "--json"]).await.contains("\"budget\":1024"));
    let shrunk = succeeds(&dir, &["resize", "100 B", "--allow-shrink"]).await;
    assert!(!shrunk.contains("20 entries"), "{shrunk}");

    assert!(succeeds(&dir, &["resize", "1 MB"]).await.contains(" entries, "));
    let other = root.path().join("other");
    let store = Store::open(&other, Options::new(ByteSize::new(1 << 20))).unwrap();
    store.write("imported", vec![b'x'; 300_000], &NewEntry::new(Origin::Manual)).unwrap();
    store.close().unwrap();
    let out = tool(&dir, &["import", other.to_str().unwrap()]);
    assert!(said(&out).contains("1 entries imported"), "{}", said(&out));
    assert!(succeeds(&dir, &["show", "imported"]).await.contains("300000"));

    assert!(succeeds(&dir, &["clear", "--yes"]).await.contains("entries removed"));
    assert_eq!(call(&chia, "a3").await, Source::Ran);
    chia.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn r34_the_endpoint_is_for_the_user_alone_and_ends_with_the_loop() {
    let dir = tempfile::tempdir().unwrap();
    let chia = start(dir.path()).await;
    let mode = fs::metadata(endpoint(dir.path())).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let first = fs::read_to_string(endpoint(dir.path())).unwrap();
    chia.shutdown().await.unwrap();
    // Nobody listens any more: the tool owns the cache itself.
    let address = first.lines().nth(1).unwrap().to_owned();
    let begin = Instant::now();
    while std::net::TcpStream::connect(&address).is_ok() {
        assert!(begin.elapsed() < Duration::from_secs(20), "the endpoint outlives its loop");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let removed = tool(dir.path(), &["rm", "absent"]);
    assert_eq!(removed.status.code(), Some(1), "{}", said(&removed));
    let chia = start(dir.path()).await;
    let second = fs::read_to_string(endpoint(dir.path())).unwrap();
    assert_ne!(first.lines().nth(2), second.lines().nth(2), "each owner has a secret of its own");
    chia.shutdown().await.unwrap();
}

/// The child: a loop that holds the cache until it is killed.
#[tokio::test(flavor = "multi_thread")]
async fn child() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let chia = start(Path::new(&dir)).await;
    assert_eq!(call(&chia, "a").await, Source::Ran);
    println!("ready");
    std::future::pending::<()>().await;
}

#[test]
fn r34_what_a_killed_owner_left_is_ignored_and_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env(DIR, dir.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut text = String::new();
    while !text.contains("ready\n") {
        let mut byte = [0];
        assert_eq!(stdout.read(&mut byte).unwrap(), 1, "the child ended: {text}");
        text.push(char::from(byte[0]));
    }
    assert!(said(&tool(dir.path(), &["pin", "a"])).contains("1 entries pinned"));
    child.kill().unwrap();
    child.wait().unwrap();
    let left = fs::read_to_string(endpoint(dir.path())).unwrap();
    let unpinned = tool(dir.path(), &["unpin", "a"]);
    assert!(unpinned.status.success(), "{}", said(&unpinned));
    assert!(tool(dir.path(), &["stats"]).status.success());
    assert_eq!(
        fs::read_to_string(endpoint(dir.path())).unwrap(),
        left,
        "the tool leaves no endpoint"
    );
}

#[test]
fn r34_an_owner_that_cannot_be_asked_is_named() {
    let dir = tempfile::tempdir().unwrap();
    // This process owns the store and serves no endpoint; another process listens where one was.
    let store = Store::open(dir.path(), Options::new(ByteSize::new(1 << 20))).unwrap();
    store.write("t", "value", &NewEntry::new(Origin::Manual)).unwrap();
    let stranger = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = stranger.local_addr().unwrap();
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = stranger.accept().unwrap();
        let _ = std::io::Write::write_all(&mut stream, &[0; 64]);
    });
    let good = format!("chia-cache endpoint 1\n{address}\n{}\n", "07".repeat(32));
    for text in [good.as_str(), "", "chia-cache endpoint 1\nnowhere\n00\n", "\u{0}\u{ff}"] {
        fs::write(endpoint(dir.path()), text).unwrap();
        let out = tool(dir.path(), &["rm", "*"]);
        assert_eq!(out.status.code(), Some(4), "{text:?}: {}", said(&out));
        assert!(said(&out).contains(&std::process::id().to_string()), "{}", said(&out));
        assert!(said(&out).contains("the owner cannot be asked"), "{}", said(&out));
        assert!(tool(dir.path(), &["stats"]).status.success());
    }
    answering.join().unwrap();
    assert!(store.has("t").unwrap());
}
