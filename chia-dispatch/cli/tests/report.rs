//! The report, in a real browser.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use chia_record::{CallEnd, CallStart, Recorder, Run, RunHeader, Tally};

/// The browser, or why there is none.
fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let named = |name: &'static str| std::env::split_paths(&path).map(move |dir| dir.join(name));
    let found = ["chromium", "chromium-browser", "google-chrome"].into_iter().flat_map(named);
    let found = found.into_iter().find(|path| path.is_file());
    if found.is_none() {
        println!("skipped: no chromium is installed (Debian: apt-get install chromium)");
    }
    found
}

/// Opens a page without a window. Nothing of it reaches the network.
fn browse(chromium: &Path, flags: &[&str], page: &str) -> Output {
    let profile = tempfile::tempdir().unwrap();
    Command::new(chromium)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--hide-scrollbars", "--window-size=1400,2200"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(flags)
        .arg(page)
        .output()
        .unwrap()
}

fn render(dir: &Path, calls: u64) -> (Run, PathBuf) {
    let run = Run::read(&common::sample(dir, calls)).unwrap();
    let page = dir.join("report.html");
    chia_cli::render_report(&run, fs::File::create(&page).unwrap()).unwrap();
    (run, page)
}

/// The `data-value` of an element.
fn value(dom: &str, id: &str) -> Option<u64> {
    let element = dom.split(&format!("id=\"{id}\"")).nth(1)?.split('>').next()?;
    element.split("data-value=\"").nth(1)?.split('"').next()?.parse().ok()
}

fn check(dom: &str, run: &Run) {
    let total = run.total();
    let Tally { calls, ran, replayed, replaced, failed, open, took_us, saved_us } = total;
    let bytes = run.calls.iter().map(|call| call.bytes).sum();
    for (name, expected) in [
        ("calls", calls),
        ("ran", ran),
        ("replayed", replayed),
        ("replaced", replaced),
        ("failed", failed),
        ("took", took_us),
        ("saved", saved_us),
        ("bytes", bytes),
    ] {
        assert_eq!(value(dom, &format!("total-{name}")), Some(expected), "{name}");
    }
    assert_eq!(value(dom, "total-open").unwrap_or(0), open);
    assert!(dom.contains("data-drawn="), "the page has not drawn itself");
}

#[test]
fn r35_the_numbers_of_the_page_are_those_of_the_record() {
    let Some(chromium) = chromium() else { return };
    for calls in [0, 1, 10, 600] {
        let dir = tempfile::tempdir().unwrap();
        let (run, page) = render(dir.path(), calls);
        let page = format!("file://{}", page.display());
        let out = browse(&chromium, &["--dump-dom", "--enable-logging=stderr"], &page);
        let (dom, log) =
            (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert!(!log.contains("CONSOLE"), "{log}");
        check(&dom, &run);
        if calls == 600 {
            for text in
                ["no entry has this tag", "argument 0 differs", "rules.yaml:12:3", "worker-2"]
            {
                assert!(dom.contains(text), "{text}");
            }
            let out = browse(&chromium, &["--dump-dom"], &format!("{page}?search=iter3_"));
            let dom = String::from_utf8_lossy(&out.stdout);
            let tagged =
                |call: &&chia_record::Call| call.tag.as_deref().unwrap().contains("iter3_");
            let expected = run.calls.iter().filter(tagged).count() as u64;
            assert_eq!(value(&dom, "found"), Some(expected));
        }
    }
}

#[test]
fn r35_nodes_with_long_ids_are_shown_by_the_head_of_the_id() {
    let Some(chromium) = chromium() else { return };
    let dir = tempfile::tempdir().unwrap();
    let recorder = Recorder::create(dir.path(), RunHeader::new("loop")).unwrap();
    let nodes = ["029eeb2ab86f", "22ea5fad994b"].map(|head| head.to_owned() + &"0c1d".repeat(11));
    for (id, node) in (1..).zip(&nodes) {
        recorder.start(&CallStart::new(id, 10, "build").decision("run", "not_listed"));
        recorder.end(&CallEnd::new(id, 50, "ran").node(node).took_us(40));
    }
    let path = recorder.path().to_owned();
    recorder.finish(Vec::new()).unwrap();
    let page = dir.path().join("report.html");
    let run = Run::read(&path).unwrap();
    chia_cli::render_report(&run, fs::File::create(&page).unwrap()).unwrap();
    let out = browse(&chromium, &["--dump-dom"], &format!("file://{}", page.display()));
    let dom = String::from_utf8_lossy(&out.stdout);
    for node in &nodes {
        assert!(dom.contains(&format!("<td>{}</td>", &node[..12])), "{dom}");
        assert!(!dom.contains(&format!("<td>{node}</td>")));
    }
}

#[test]
fn r35_a_run_of_100_000_calls_opens_within_its_bounds() {
    let dir = tempfile::tempdir().unwrap();
    let (run, page) = render(dir.path(), 100_000);
    let bytes = fs::metadata(&page).unwrap().len();
    println!("{bytes} bytes of HTML");
    assert!(bytes <= 15 << 20, "{bytes} bytes");
    let Some(chromium) = chromium() else { return };
    let since = Instant::now();
    let out = browse(&chromium, &["--dump-dom"], &format!("file://{}", page.display()));
    let took = since.elapsed();
    let dom = String::from_utf8_lossy(&out.stdout);
    check(&dom, &run);
    let drawn = dom.split("data-drawn=\"").nth(1).unwrap().split('"').next().unwrap();
    println!("drawn in {drawn} ms, {took:?} with the start of the browser");
    // The bound is 3 s on a quiet machine; this one may be busy with other tests.
    assert!(took < Duration::from_secs(30), "{took:?}");
}

#[test]
fn r35_the_report_needs_no_network_and_no_text_of_a_run_becomes_markup() {
    let dir = tempfile::tempdir().unwrap();
    let (_, page) = render(dir.path(), 200);
    let page = fs::read_to_string(page).unwrap();
    for word in ["http://", "https://", "src=", "@import", "url(", "search</script>", "<b>"] {
        assert!(!page.contains(word), "{word}");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn r35_the_trace_is_what_perfetto_opens() {
    let dir = tempfile::tempdir().unwrap();
    let run = Run::read(&common::sample(dir.path(), 500)).unwrap();
    let mut trace = Vec::new();
    chia_cli::write_trace(&run, &mut trace).unwrap();
    let trace: serde_json::Value = serde_json::from_slice(&trace).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    let of = |kind: &str| events.iter().filter(|event| event["ph"] == kind).collect::<Vec<_>>();
    let ended = run.calls.iter().filter(|call| call.ended_us.is_some()).count();
    assert_eq!((of("X").len(), of("M").len()), (ended, 3));
    assert_eq!(of("b").len(), of("e").len());
    let mut lanes = std::collections::HashMap::<_, u64>::new();
    for event in of("X") {
        let free = lanes.entry((event["pid"].as_u64(), event["tid"].as_u64())).or_default();
        let (ts, dur) = (event["ts"].as_u64().unwrap(), event["dur"].as_u64().unwrap());
        assert!(*free <= ts, "calls of a lane overlap: {event}");
        *free = ts + dur;
    }
}
