//! Actors with typed methods, in process.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use chia_loop::{ActorKind, Chia, ErrorKind, Function, Method, Registry};

struct Counter {
    total: i64,
}

impl Counter {
    fn new(start: i64) -> Self {
        Self { total: start }
    }

    fn add(&mut self, amount: i64) -> i64 {
        self.total += amount;
        self.total
    }

    fn total(&self) -> i64 {
        self.total
    }

    fn divide(&mut self, by: i64) -> Result<i64, &'static str> {
        self.total = self.total.checked_div(by).ok_or("no division by zero")?;
        Ok(self.total)
    }

    fn break_off(&mut self) {
        self.total = -1;
        panic!("in the middle of it");
    }
}

static COUNTER: ActorKind<Counter, (i64,)> =
    ActorKind::new("counter", &Counter::new, &[&ADD, &TOTAL, &DIVIDE, &BREAK_OFF]);
static ADD: Method<Counter, (i64,), i64> = Method::new("add", &Counter::add);
static TOTAL: Method<Counter, (), i64> = Method::new("total", &Counter::total);
static DIVIDE: Method<Counter, (i64,), i64> = Method::new("divide", &Counter::divide);
static BREAK_OFF: Method<Counter, (), ()> = Method::new("break_off", &Counter::break_off);

/// Of the name of a listed method, but with other types.
static ADD_TEXT: Method<Counter, (String,), i64> =
    Method::new("add", &|_: &mut Counter, _: String| 0);

struct Other;

static OTHER: ActorKind<Other, ()> = ActorKind::new("other", &open_other, &[]);

async fn open_other() -> Result<Other, std::num::ParseIntError> {
    "no number".parse::<i64>().map(|_| Other)
}

static UNKNOWN: ActorKind<Other, ()> = ActorKind::new("unknown", &|| Other, &[]);

static TALLY: ActorKind<Counter, (i64,)> = ActorKind::new("tally", &Counter::new, &[&ADD]);

static DOUBLE: Function<(i64,), i64> = Function::new("double", &|x: i64| 2 * x);

async fn start() -> Chia {
    let registry = Registry::new().function(&DOUBLE);
    let registry = registry.actor_kind(&COUNTER).actor_kind(&OTHER).actor_kind(&TALLY);
    Chia::builder(registry).start().await.unwrap()
}

#[tokio::test]
async fn calls_run_in_the_order_of_their_dispatch_on_one_state() {
    let chia = start().await;
    let counter = chia.actor(&COUNTER, (100,)).start().await.unwrap();
    let mut handles = Vec::new();
    for amount in 1..=20 {
        handles.push(counter.call(&ADD, (amount,)).dispatch().await.unwrap());
    }
    let mut expected = 100;
    for (amount, handle) in (1..=20).zip(handles) {
        expected += amount;
        assert_eq!(handle.await.unwrap(), expected);
    }
    assert_eq!(counter.call(&TOTAL, ()).await.unwrap(), 310);
}

#[tokio::test]
async fn results_pass_between_functions_methods_and_constructors() {
    let chia = start().await;
    let doubled = chia.call(&DOUBLE, (20,)).dispatch().await.unwrap();
    let counter = chia.actor(&COUNTER, (&doubled,)).start().await.unwrap();
    let sum = counter.call(&ADD, (&doubled,)).dispatch().await.unwrap();
    assert_eq!(chia.call(&DOUBLE, (sum,)).await.unwrap(), 160);
}

#[tokio::test]
async fn a_method_that_fails_or_panics_fails_its_call_alone() {
    let chia = start().await;
    let counter = chia.actor(&COUNTER, (10,)).start().await.unwrap();
    let error = counter.call(&DIVIDE, (0,)).await.unwrap_err();
    assert_eq!((error.kind(), error.function()), (ErrorKind::TaskFailed, Some("counter.divide")));
    assert!(error.message().contains("no division by zero"), "{error}");
    let error = counter.call(&BREAK_OFF, ()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Panicked);
    assert!(error.message().contains("in the middle of it"), "{error}");
    assert_eq!(counter.call(&TOTAL, ()).await.unwrap(), -1);
}

#[tokio::test]
async fn a_method_that_its_kind_does_not_list_is_refused_at_dispatch() {
    let chia = start().await;
    let counter = chia.actor(&COUNTER, (0,)).start().await.unwrap();
    let error = counter.call(&ADD_TEXT, ("1",)).dispatch().await.unwrap_err();
    assert_eq!((error.kind(), error.function()), (ErrorKind::NotRegistered, Some("counter.add")));
    let tally = chia.actor(&TALLY, (0,)).start().await.unwrap();
    let error = tally.call(&TOTAL, ()).dispatch().await.unwrap_err();
    assert!(error.message().contains("does not list this method"), "{error}");
}

#[tokio::test]
async fn a_kind_that_is_not_registered_and_a_failing_constructor_are_errors_of_the_start() {
    let chia = start().await;
    let error = chia.actor(&UNKNOWN, ()).start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotRegistered);
    assert!(error.message().contains("counter"), "it names what is registered: {error}");
    let error = chia.actor(&OTHER, ()).start().await.unwrap_err();
    assert_eq!((error.kind(), error.function()), (ErrorKind::TaskFailed, Some("other")));
    assert!(error.message().contains("invalid digit"), "{error}");
}

#[tokio::test]
async fn a_named_actor_is_found_again_and_one_of_another_kind_refuses_the_calls() {
    let chia = start().await;
    let counter = chia.actor(&COUNTER, (1,)).name("one").start().await.unwrap();
    let again = chia.actor(&COUNTER, (100,)).name("one").start().await.unwrap();
    assert_eq!(again.call(&ADD, (1,)).await.unwrap(), 2);
    let mistaken = chia.actor(&TALLY, (100,)).name("one").start().await.unwrap();
    let error = mistaken.call(&ADD, (1,)).await.unwrap_err();
    assert_eq!((error.kind(), error.function()), (ErrorKind::NotRegistered, Some("tally.add")));
    assert!(error.message().contains("counter.add"), "{error}");
    counter.kill().await.unwrap();
    assert_eq!(again.call(&TOTAL, ()).await.unwrap_err().kind(), ErrorKind::ActorDied);
}

#[test]
#[should_panic(expected = "two methods of `twice` are named `add`")]
fn two_methods_of_one_name_are_refused() {
    static TWICE: ActorKind<Counter, (i64,)> =
        ActorKind::new("twice", &Counter::new, &[&ADD, &ADD_TEXT]);
    let _registry = Registry::new().actor_kind(&TWICE);
}
