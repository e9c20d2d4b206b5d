//! The body of the fuzz target `open_directory`, over random damage, without a fuzzer.

#[path = "fuzz_bodies/open_directory.rs"]
mod body;

/// How many damaged directories are opened: a number, not a time, so that every machine tests the same.
fn inputs() -> u64 {
    if std::env::var_os("CHIA_SLOW").is_some() { 2_000 } else { 40 }
}

#[test]
fn r17_no_damage_to_a_directory_makes_it_fail_or_serve_a_wrong_value() {
    let mut random = fastrand::Rng::with_seed(17);
    let mut served = 0;
    for _ in 0..inputs() {
        let orders = random.usize(..4);
        let input: Vec<u8> = (0..orders).flat_map(|_| order(&mut random)).collect();
        served += body::open_directory(&input);
    }
    assert!(served > inputs(), "{} opened, {served} values came through", inputs());
}

/// One order of the body's language: file, kind of damage, place, length, bytes.
fn order(random: &mut fastrand::Rng) -> Vec<u8> {
    let mut order: Vec<u8> = (0..4).map(|_| random.u8(..)).collect();
    if random.bool() {
        order[3] = 0; // near the start or the end
    }
    let len = random.u8(..40);
    order.push(len);
    order.extend((0..len).map(|_| random.u8(..)));
    order
}
