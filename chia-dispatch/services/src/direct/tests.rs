use std::net::{IpAddr, Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use chia_cache::{ByteSize, Durability, Options, Origin, Store};
use chia_dispatch::ErrorKind;

use super::*;
use crate::CacheSite;
use crate::cache::CONCURRENCY;
use crate::message::{MAX_HEADER, read_head, write_head};
use crate::overlay::OverlayStore;

const SECRET: Secret = [7; 32];
const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Nothing here takes this long.
const LONG: Duration = Duration::from_secs(60);

struct Cache {
    store: Store,
    door: Door,
    _dir: tempfile::TempDir,
}

fn cache() -> Cache {
    let dir = tempfile::tempdir().unwrap();
    let options = Options::new(ByteSize::new(1 << 30)).durability(Durability::Relaxed);
    let store = Store::open(dir.path(), options).unwrap();
    let served = Served::Open(OverlayStore::new(store.clone()));
    let door = serve::open(served, LOCALHOST, SECRET).unwrap();
    Cache { store, door, _dir: dir }
}

fn keep(line: &CacheLine, tag: &str, value: &[u8]) -> Written {
    let entry = NewEntry::new(Origin::Real).function("f");
    let length = value.len() as u64;
    line.write(tag, length, &|to| to.write_all(value), entry, LONG).unwrap().unwrap()
}

/// Enters as a guest that speaks for itself.
fn enter(door: &Door) -> TcpStream {
    let mut stream = TcpStream::connect(door.address).unwrap();
    greet(&mut stream, door.halves().0).unwrap();
    check_greeting(&mut stream, door.halves().1).unwrap();
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

/// A door of the test's own, and what stands behind it.
fn fake(serve: impl FnOnce(TcpListener) + Send + 'static) -> (Door, JoinHandle<()>) {
    let listener = TcpListener::bind((LOCALHOST, 0)).unwrap();
    let door = Door { address: listener.local_addr().unwrap(), secret: SECRET };
    (door, thread::spawn(move || serve(listener)))
}

#[test]
fn r21_what_is_asked_at_the_door_is_done_in_the_store() {
    let Cache { store, door, _dir } = cache();
    let line = CacheLine::new(Some(door));
    let large: Vec<u8> = (0..3_000_000_u32).map(|at| at as u8).collect();
    for (tag, value) in [("none", &b""[..]), ("small", b"value"), ("large", &large)] {
        assert_eq!(keep(&line, tag, value), Written::Stored { collision: false });
        assert!(line.has(tag, LONG).unwrap().unwrap());
        let (read, facts) = line.read(tag, LONG).unwrap().unwrap().unwrap();
        assert_eq!(read, value, "{tag}");
        assert_eq!((facts.function.as_deref(), facts.origin), (Some("f"), Origin::Real));
        assert_eq!(store.read(tag).unwrap().unwrap().value, value, "{tag}");
    }
    assert!(!line.has("other", LONG).unwrap().unwrap());
    assert!(line.read("other", LONG).unwrap().unwrap().is_none());
    assert_eq!(keep(&line, "small", b"value"), Written::Refreshed);
}

#[test]
fn r11_a_replay_at_the_door_serves_the_same_function_alone() {
    let Cache { door, _dir, .. } = cache();
    let line = CacheLine::new(Some(door));
    keep(&line, "t", b"value");
    assert_eq!(line.replay("t", "f", LONG).unwrap().unwrap().unwrap().0, &b"value"[..]);
    let why = line.replay("t", "g", LONG).unwrap().unwrap().unwrap_err();
    assert!(why.contains('f'), "{why}");
}

#[test]
fn r13_a_store_that_fails_answers_with_its_error() {
    let Cache { store, door, _dir } = cache();
    let line = CacheLine::new(Some(door));
    store.close().unwrap();
    assert_eq!(line.has("t", LONG).unwrap().unwrap_err().kind(), ErrorKind::Cache);
    assert!(line.is_open(), "the way is as good as before");
}

#[test]
fn a_value_larger_than_the_cache_is_refused_and_the_next_request_served() {
    let Cache { store, door, _dir } = cache();
    store.set_budget(ByteSize::new(1000)).unwrap();
    let line = CacheLine::new(Some(door));
    assert_eq!(keep(&line, "t", &vec![1; 5_000_000]), Written::TooLarge);
    assert!(!line.has("t", LONG).unwrap().unwrap());
}

#[test]
fn nobody_enters_with_another_secret() {
    let Cache { store, door, _dir } = cache();
    store.write("t", b"value", &NewEntry::new(Origin::Manual)).unwrap();
    let mut stream = TcpStream::connect(door.address).unwrap();
    greet(&mut stream, &[8; HALF]).unwrap();
    assert_eq!(last_words(&mut stream), b"");
    let stranger = CacheLine::new(Some(Door { secret: [8; 32], ..door }));
    assert!(stranger.read("t", LONG).is_err());
}

#[test]
fn nothing_is_said_to_who_does_not_know_the_other_half() {
    let (door, peer) = fake(|listener| {
        let mut stream = listener.accept().unwrap().0;
        check_greeting(&mut stream, &SECRET[..HALF]).unwrap();
        greet(&mut stream, &[9; HALF]).unwrap();
        assert_eq!(last_words(&mut stream), b"");
    });
    let error = CacheLine::new(Some(door)).has("t", LONG).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
    peer.join().unwrap();
}

#[test]
fn r17_a_value_that_is_cut_short_is_not_kept() {
    let Cache { store, door, _dir } = cache();
    for size in [1000, 5_000_000] {
        let mut stream = enter(&door);
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
    let Cache { door, _dir, .. } = cache();
    let too_long = (MAX_HEADER as u32 + 1).to_le_bytes();
    let endless = [&too_long[..], &[0; 8]].concat();
    let unknown = [&1_u32.to_le_bytes()[..], &[0; 8], &[99]].concat();
    for nonsense in [endless, unknown] {
        let mut stream = enter(&door);
        stream.write_all(&nonsense).unwrap();
        assert_eq!(last_words(&mut stream), b"");
    }
}

#[test]
fn r21_a_lost_door_is_asked_for_and_learned() {
    let Cache { door, _dir, .. } = cache();
    let (gone, ended) = fake(drop);
    ended.join().unwrap();
    let line = CacheLine::new(Some(gone));
    assert!(line.is_open() && !line.wants_door());
    assert!(line.has("t", LONG).is_err());
    assert!(!line.is_open() && line.wants_door());
    assert!(!line.wants_door(), "the actor is not asked at every request");
    line.learn(Some(door));
    assert!(!line.has("t", LONG).unwrap().unwrap());
}

#[test]
fn a_kept_connection_that_has_ended_is_replaced() {
    let (door, peer) = fake(|listener| {
        for has in [true, false] {
            let mut stream = listener.accept().unwrap().0;
            check_greeting(&mut stream, &SECRET[..HALF]).unwrap();
            greet(&mut stream, &SECRET[HALF..]).unwrap();
            read_head::<Request<'_>>(&mut stream).unwrap();
            write_head(&mut stream, &Answer::Has(has), 0).unwrap();
        }
    });
    let line = CacheLine::new(Some(door));
    assert!(line.has("t", LONG).unwrap().unwrap());
    assert!(!line.has("t", LONG).unwrap().unwrap());
    peer.join().unwrap();
}

#[test]
fn r12_a_silent_cache_is_waited_for_no_longer_than_said() {
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let (door, peer) = fake(move |listener| {
        stopped.recv().ok();
        drop(listener);
    });
    let line = CacheLine::new(Some(door));
    let error = line.has("t", Duration::from_millis(50)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    drop(stop);
    peer.join().unwrap();
}

#[test]
fn r12_a_door_that_greets_nobody_costs_no_more_than_half_of_the_patience() {
    let (door, peer) = fake(|listener| {
        let mut stream = listener.accept().unwrap().0;
        check_greeting(&mut stream, &SECRET[..HALF]).unwrap();
        assert_eq!(last_words(&mut stream), b"");
    });
    let line = CacheLine::new(Some(door));
    let start = Instant::now();
    assert_eq!(line.has("t", LONG).unwrap_err().kind(), io::ErrorKind::TimedOut);
    assert!(start.elapsed() < LONG / 2 && !line.is_open());
    peer.join().unwrap();
}

#[test]
fn requests_at_the_door_are_served_so_many_at_once() {
    let Cache { door, _dir, .. } = cache();
    let mut busy: Vec<_> = (0..CONCURRENCY).map(|_| enter(&door)).collect();
    let mut other = enter(&door);
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
        assert!(start.elapsed() < Duration::from_secs(20), "nobody waits for a turn");
    }
    drop(busy.pop());
    other.set_read_timeout(Some(LONG)).unwrap();
    assert!(matches!(read_head(&mut other).unwrap(), (Answer::Has(false), 0)));
}

#[test]
fn connections_without_a_request_cost_no_thread() {
    let Cache { door, _dir, .. } = cache();
    let mut idle: Vec<_> = (0..300).map(|_| enter(&door)).collect();
    let threads = std::fs::read_dir("/proc/self/task").unwrap().count();
    assert!(threads < 300, "{threads} threads");
    for stream in &mut idle {
        write_head(stream, &Request::Has { tag: "t".into() }, 0).unwrap();
        assert!(matches!(read_head(stream).unwrap(), (Answer::Has(false), 0)));
    }
}

#[test]
fn the_secret_is_not_shown() {
    let shown = format!("{:?}", CacheLine::new(Some(cache().door)));
    assert!(shown.starts_with("CacheLine(Some(Door(127.0.0.1:"), "{shown}");
    assert!(!shown.contains("7, 7"), "{shown}");
    let told = Door::to_answer(Some(&cache().door)).unwrap();
    let site = CacheSite { name: "chia.cache".to_owned(), door: told };
    let shown = format!("{site:?}");
    assert!(shown.starts_with("CacheSite(chia.cache, Some(Door(127.0.0.1:"), "{shown}");
    assert!(!shown.contains("7, 7") && !shown.contains("\\x07"), "{shown}");
}
