use std::net::{IpAddr, Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use chia_cache::{ByteSize, Durability, Options, Origin, Store};
use chia_dispatch::ErrorKind;

use super::*;
use crate::CacheLocation;
use crate::cache::CONCURRENCY;
use crate::message::{MAX_HEADER, read_head, write_head};
use crate::overlay::OverlayStore;

const SECRET: Secret = [7; 32];
const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Nothing here takes this long.
const LONG: Duration = Duration::from_secs(60);

struct Cache {
    store: Store,
    endpoint: CacheEndpoint,
    _dir: tempfile::TempDir,
}

fn cache() -> Cache {
    let dir = tempfile::tempdir().unwrap();
    let options = Options::new(ByteSize::new(1 << 30)).durability(Durability::Relaxed);
    let store = Store::open(dir.path(), options).unwrap();
    let served = Served::Open(OverlayStore::new(store.clone()));
    let endpoint = server::open(served, LOCALHOST, SECRET).unwrap();
    Cache { store, endpoint, _dir: dir }
}

fn write(client: &DirectClient, tag: &str, value: &[u8]) -> Written {
    let entry = NewEntry::new(Origin::Real).function("f");
    let length = value.len() as u64;
    client.write(tag, length, &|to| to.write_all(value), entry, LONG).unwrap().unwrap()
}

/// Connects as a client without a [`DirectClient`].
fn enter(endpoint: &CacheEndpoint) -> TcpStream {
    let mut stream = TcpStream::connect(endpoint.address).unwrap();
    greet(&mut stream, endpoint.halves().0).unwrap();
    check_greeting(&mut stream, endpoint.halves().1).unwrap();
    stream
}

/// Waits until the peer has ended the connection, and gives what it said before.
fn last_words(stream: &mut TcpStream) -> Vec<u8> {
    let mut said = Vec::new();
    stream.set_read_timeout(Some(LONG)).unwrap();
    match stream.read_to_end(&mut said) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "it stays"),
    }
    said
}

/// A listener of the test's own, and the thread that serves it.
fn fake(serve: impl FnOnce(TcpListener) + Send + 'static) -> (CacheEndpoint, JoinHandle<()>) {
    let listener = TcpListener::bind((LOCALHOST, 0)).unwrap();
    let endpoint = CacheEndpoint { address: listener.local_addr().unwrap(), secret: SECRET };
    (endpoint, thread::spawn(move || serve(listener)))
}

#[test]
fn r21_direct_requests_are_served_by_the_store() {
    let Cache { store, endpoint, _dir } = cache();
    let client = DirectClient::new(Some(endpoint));
    let large: Vec<u8> = (0..3_000_000_u32).map(|at| at as u8).collect();
    for (tag, value) in [("none", &b""[..]), ("small", b"value"), ("large", &large)] {
        assert_eq!(write(&client, tag, value), Written::Stored { collision: false });
        assert!(client.has(tag, LONG).unwrap().unwrap());
        let (read, facts) = client.read(tag, LONG).unwrap().unwrap().unwrap();
        assert_eq!(read, value, "{tag}");
        assert_eq!((facts.function.as_deref(), facts.origin), (Some("f"), Origin::Real));
        assert_eq!(store.read(tag).unwrap().unwrap().value, value, "{tag}");
    }
    assert!(!client.has("other", LONG).unwrap().unwrap());
    assert!(client.read("other", LONG).unwrap().unwrap().is_none());
    assert_eq!(write(&client, "small", b"value"), Written::Refreshed);
}

#[test]
fn r11_a_direct_replay_serves_the_same_function_alone() {
    let Cache { endpoint, _dir, .. } = cache();
    let client = DirectClient::new(Some(endpoint));
    write(&client, "t", b"value");
    assert_eq!(client.replay("t", "f", LONG).unwrap().unwrap().unwrap().0, &b"value"[..]);
    let why = client.replay("t", "g", LONG).unwrap().unwrap().unwrap_err();
    assert!(why.contains('f'), "{why}");
}

#[test]
fn r13_a_store_that_fails_answers_with_its_error() {
    let Cache { store, endpoint, _dir } = cache();
    let client = DirectClient::new(Some(endpoint));
    store.close().unwrap();
    assert_eq!(client.has("t", LONG).unwrap().unwrap_err().kind(), ErrorKind::Cache);
    assert!(client.is_open(), "the way is as good as before");
}

#[test]
fn a_value_larger_than_the_cache_is_refused_and_the_next_request_served() {
    let Cache { store, endpoint, _dir } = cache();
    store.set_budget(ByteSize::new(1000)).unwrap();
    let client = DirectClient::new(Some(endpoint));
    assert_eq!(write(&client, "t", &vec![1; 5_000_000]), Written::TooLarge);
    assert!(!client.has("t", LONG).unwrap().unwrap());
}

#[test]
fn a_client_with_another_secret_is_refused() {
    let Cache { store, endpoint, _dir } = cache();
    store.write("t", b"value", &NewEntry::new(Origin::Manual)).unwrap();
    let mut stream = TcpStream::connect(endpoint.address).unwrap();
    greet(&mut stream, &[8; HALF]).unwrap();
    assert_eq!(last_words(&mut stream), b"");
    let stranger = DirectClient::new(Some(CacheEndpoint { secret: [8; 32], ..endpoint }));
    assert!(stranger.read("t", LONG).is_err());
}

#[test]
fn nothing_is_sent_to_a_server_without_the_other_half() {
    let (endpoint, peer) = fake(|listener| {
        let mut stream = listener.accept().unwrap().0;
        check_greeting(&mut stream, &SECRET[..HALF]).unwrap();
        greet(&mut stream, &[9; HALF]).unwrap();
        assert_eq!(last_words(&mut stream), b"");
    });
    let error = DirectClient::new(Some(endpoint)).has("t", LONG).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
    peer.join().unwrap();
}

#[test]
fn r17_a_value_that_is_cut_short_is_not_kept() {
    let Cache { store, endpoint, _dir } = cache();
    for size in [1000, 5_000_000] {
        let mut stream = enter(&endpoint);
        let request = Request::Write { tag: "t".into(), entry: NewEntry::new(Origin::Real) };
        write_head(&mut stream, &request, size).unwrap();
        stream.write_all(&vec![1; size as usize - 1]).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(last_words(&mut stream), b"");
        assert!(!store.has("t").unwrap(), "{size}");
    }
}

#[test]
fn nonsense_ends_the_connection() {
    let Cache { endpoint, _dir, .. } = cache();
    let too_long = (MAX_HEADER as u32 + 1).to_le_bytes();
    let endless = [&too_long[..], &[0; 8]].concat();
    let unknown = [&1_u32.to_le_bytes()[..], &[0; 8], &[99]].concat();
    for nonsense in [endless, unknown] {
        let mut stream = enter(&endpoint);
        stream.write_all(&nonsense).unwrap();
        assert_eq!(last_words(&mut stream), b"");
    }
}

#[test]
fn r21_a_lost_endpoint_is_requested_and_set() {
    let Cache { endpoint, _dir, .. } = cache();
    let (gone, ended) = fake(drop);
    ended.join().unwrap();
    let client = DirectClient::new(Some(gone));
    assert!(client.is_open() && !client.take_reconnect_slot());
    assert!(client.has("t", LONG).is_err());
    assert!(!client.is_open() && client.take_reconnect_slot());
    assert!(!client.take_reconnect_slot(), "the actor is not asked at every request");
    client.set_endpoint(Some(endpoint));
    assert!(!client.has("t", LONG).unwrap().unwrap());
}

#[test]
fn an_idle_connection_that_has_ended_is_replaced() {
    let (endpoint, peer) = fake(|listener| {
        for has in [true, false] {
            let mut stream = listener.accept().unwrap().0;
            check_greeting(&mut stream, &SECRET[..HALF]).unwrap();
            greet(&mut stream, &SECRET[HALF..]).unwrap();
            read_head::<Request<'_>>(&mut stream).unwrap();
            write_head(&mut stream, &Answer::Has(has), 0).unwrap();
        }
    });
    let client = DirectClient::new(Some(endpoint));
    assert!(client.has("t", LONG).unwrap().unwrap());
    assert!(!client.has("t", LONG).unwrap().unwrap());
    peer.join().unwrap();
}

#[test]
fn r12_a_silent_cache_is_a_time_out() {
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let (endpoint, peer) = fake(move |listener| {
        stopped.recv().ok();
        drop(listener);
    });
    let client = DirectClient::new(Some(endpoint));
    let error = client.has("t", Duration::from_millis(50)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    drop(stop);
    peer.join().unwrap();
}

#[test]
fn r12_an_endpoint_that_never_greets_costs_half_of_the_time_out() {
    let (endpoint, peer) = fake(|listener| {
        let mut stream = listener.accept().unwrap().0;
        check_greeting(&mut stream, &SECRET[..HALF]).unwrap();
        assert_eq!(last_words(&mut stream), b"");
    });
    let client = DirectClient::new(Some(endpoint));
    let start = Instant::now();
    assert_eq!(client.has("t", LONG).unwrap_err().kind(), io::ErrorKind::TimedOut);
    assert!(start.elapsed() < LONG / 2 && !client.is_open());
    peer.join().unwrap();
}

#[test]
fn direct_requests_have_a_bounded_number_of_permits() {
    let Cache { endpoint, _dir, .. } = cache();
    let mut busy: Vec<_> = (0..CONCURRENCY).map(|_| enter(&endpoint)).collect();
    let mut other = enter(&endpoint);
    let write = Request::Write { tag: "t".into(), entry: NewEntry::new(Origin::Real) };
    for stream in &mut busy {
        write_head(stream, &write, 1000).unwrap();
    }
    other.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let start = Instant::now();
    loop {
        write_head(&mut other, &Request::Has { tag: "t".into() }, 0).unwrap();
        if other.peek(&mut [0]).is_err() {
            break;
        }
        read_head::<Answer>(&mut other).unwrap();
        assert!(start.elapsed() < Duration::from_secs(20), "no request waits for a permit");
    }
    drop(busy.pop());
    other.set_read_timeout(Some(LONG)).unwrap();
    assert!(matches!(read_head(&mut other).unwrap(), (Answer::Has(false), 0)));
}

#[test]
fn connections_without_a_request_cost_no_thread() {
    let Cache { endpoint, _dir, .. } = cache();
    let mut idle: Vec<_> = (0..300).map(|_| enter(&endpoint)).collect();
    let threads = std::fs::read_dir("/proc/self/task").unwrap().count();
    assert!(threads < 300, "{threads} threads");
    for stream in &mut idle {
        write_head(stream, &Request::Has { tag: "t".into() }, 0).unwrap();
        assert!(matches!(read_head(stream).unwrap(), (Answer::Has(false), 0)));
    }
}

#[test]
fn the_secret_is_not_printed() {
    let shown = format!("{:?}", DirectClient::new(Some(cache().endpoint)));
    assert!(shown.starts_with("DirectClient(Some(CacheEndpoint(127.0.0.1:"), "{shown}");
    assert!(!shown.contains("7, 7"), "{shown}");
    let answer = CacheEndpoint::to_answer(Some(&cache().endpoint)).unwrap();
    let location = CacheLocation { name: "chia.cache".to_owned(), endpoint: answer };
    let shown = format!("{location:?}");
    assert!(
        shown.starts_with("CacheLocation(chia.cache, Some(CacheEndpoint(127.0.0.1:"),
        "{shown}"
    );
    assert!(!shown.contains("7, 7") && !shown.contains("\\x07"), "{shown}");
}
