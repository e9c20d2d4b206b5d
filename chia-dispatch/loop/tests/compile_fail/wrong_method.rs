//! A method of another kind of actor, and an argument of another type.

use chia_loop::{ActorHandle, Method};

struct Counter(i64);
struct Clock(i64);

static ADD: Method<Counter, (i64,), i64> = Method::new("add", &|c: &Counter, x: i64| c.0 + x);
static NOW: Method<Clock, (), i64> = Method::new("now", &|clock: &Clock| clock.0);

async fn run(counter: ActorHandle<Counter>) {
    let _ = counter.call(&NOW, ()).await;
    let _ = counter.call(&ADD, ("one",)).await;
}

fn main() {}
