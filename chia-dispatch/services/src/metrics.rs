//! The counters of a cache as Prometheus reads them, over HTTP.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use chia_cache::{Stats, Store, WeakStore};

/// Names the address to serve at, `127.0.0.1:9464`; a port alone is one of the loopback address. Unset or
/// empty: the counters are not served.
const ADDRESS: &str = "CHIA_METRICS";
/// How often the thread looks for a client, and whether the store is still open.
const POLL: Duration = Duration::from_millis(100);
/// A client sends its request, and takes the answer, within this time.
const TIMEOUT: Duration = Duration::from_secs(2);
/// The longest request, in bytes.
const LONGEST: usize = 8 * 1024;

/// Serves the counters, if the environment says where, until the last handle of the store is dropped.
pub(crate) fn serve_if_asked(store: &Store) -> io::Result<()> {
    match std::env::var_os(ADDRESS) {
        Some(text) if !text.is_empty() => {
            serve(store, address(&text.to_string_lossy())?).map(|_| ())
        }
        _ => Ok(()),
    }
}

fn address(text: &str) -> io::Result<SocketAddr> {
    if let Ok(port) = text.parse() {
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    }
    let invalid = |_| {
        let message =
            format!("{ADDRESS} is `{text}`: give a port, or an address such as 127.0.0.1:9464");
        io::Error::new(io::ErrorKind::InvalidInput, message)
    };
    text.parse().map_err(invalid)
}

/// Gives the address that it serves at.
fn serve(store: &Store, address: SocketAddr) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let bound = listener.local_addr()?;
    let (store, dir) = (store.downgrade(), store.dir().display().to_string());
    let thread = thread::Builder::new().name("chia-cache-metrics".into());
    thread.spawn(move || accept(&listener, &store, &dir))?;
    Ok(bound)
}

/// Answers one client after the other.
fn accept(listener: &TcpListener, store: &WeakStore, dir: &str) {
    while !store.is_gone() {
        match listener.accept() {
            // A client that goes away, or is too slow, is no concern of the cache.
            Ok((stream, _)) => drop(answer(stream, store, dir)),
            Err(_) => thread::sleep(POLL),
        }
    }
}

fn answer(mut stream: TcpStream, store: &WeakStore, dir: &str) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let path = request(&mut stream)?;
    let stats = store.upgrade().map(|store| store.stats());
    let (status, body) = match (path.as_deref(), stats) {
        (Some("/metrics" | "/"), Some(stats)) => ("200 OK", text(&stats, dir)),
        (_, None) => ("503 Service Unavailable", "the cache is being closed\n".to_owned()),
        _ => ("404 Not Found", "the counters are at /metrics\n".to_owned()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())
}

/// The path of a GET request; `None` for any other. All of its head is read.
fn request(stream: &mut TcpStream) -> io::Result<Option<String>> {
    let (mut head, mut piece) = (Vec::new(), [0; 1024]);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = stream.read(&mut piece)?;
        if read == 0 || head.len() > LONGEST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        head.extend_from_slice(&piece[..read]);
    }
    let head = String::from_utf8_lossy(&head);
    let mut words = head.split_whitespace();
    Ok(words.next().filter(|method| *method == "GET").and(words.next()).map(str::to_owned))
}

/// Prometheus' text format, version 0.0.4.
fn text(stats: &Stats, dir: &str) -> String {
    let dir = dir.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let mut text = String::new();
    for (name, kind, help, value) in [
        ("entries", "gauge", "Entries held.", stats.entries),
        ("bytes", "gauge", "Logical bytes held: values and tags.", stats.bytes),
        ("budget_bytes", "gauge", "The budget for those.", stats.budget),
        ("index_bytes", "gauge", "Bytes of the index and the log on disk.", stats.index_bytes),
        ("hits_total", "counter", "Reads that found their value.", stats.hits),
        ("misses_total", "counter", "Reads that did not.", stats.misses),
        ("writes_total", "counter", "Writes that stored a value.", stats.writes),
        ("refreshed_total", "counter", "Writes that found their bytes there.", stats.refreshed),
        ("too_large_total", "counter", "Writes beyond the whole budget.", stats.too_large),
        ("evictions_total", "counter", "Entries evicted to make room.", stats.evictions),
        ("quarantined_total", "counter", "Damaged entries.", stats.quarantined),
        ("collisions_total", "counter", "Tags that two functions wrote.", stats.collisions),
    ] {
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "# HELP chia_cache_{name} {help}\n# TYPE chia_cache_{name} {kind}\n\
             chia_cache_{name}{{dir=\"{dir}\"}} {value}\n"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use chia_cache::{ByteSize, NewEntry, Options, Origin};
    use std::time::Instant;

    fn get(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn the_counters_are_served_until_the_store_is_closed() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), Options::new(ByteSize::new(1 << 20))).unwrap();
        store.write("t", "value", &NewEntry::new(Origin::Real)).unwrap();
        store.read("t").unwrap();
        let address = serve(&store, address("0").unwrap()).unwrap();
        assert!(address.ip().is_loopback());
        let answer = get(address, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        let dir = dir.path().display().to_string();
        for line in [
            format!("\nchia_cache_entries{{dir=\"{dir}\"}} 1\n"),
            format!("\nchia_cache_hits_total{{dir=\"{dir}\"}} 1\n"),
            "\n# TYPE chia_cache_evictions_total counter\n".to_owned(),
        ] {
            assert!(answer.contains(&line), "`{line}` is not in {answer}");
        }
        assert!(get(address, "GET /else HTTP/1.1\r\n\r\n").contains("404"));
        assert!(get(address, "POST /metrics HTTP/1.1\r\n\r\n").contains("404"));
        drop(store);
        let begin = Instant::now();
        while TcpStream::connect(address).is_ok() {
            assert!(begin.elapsed() < Duration::from_secs(20), "the counters outlive the store");
            thread::sleep(Duration::from_millis(20));
        }
    }

    #[test]
    fn an_address_is_a_port_or_all_of_it() {
        assert_eq!(address("9464").unwrap().to_string(), "127.0.0.1:9464");
        assert_eq!(address("0.0.0.0:1").unwrap().to_string(), "0.0.0.0:1");
        let error = address("here").unwrap_err().to_string();
        assert!(error.contains("CHIA_METRICS is `here`"), "{error}");
    }
}
