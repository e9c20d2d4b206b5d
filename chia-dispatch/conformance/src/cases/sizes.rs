//! Values of every size, in every position.

use bytes::Bytes;

use crate::case::Case;
use crate::script::echo;

/// A value may be empty.
pub(crate) async fn empty_values(case: &Case) {
    travel(case, 0).await;
}

/// A value may be a single byte.
pub(crate) async fn one_byte(case: &Case) {
    travel(case, 1).await;
}

/// A value may be longer than a buffer of 64 KiB.
pub(crate) async fn just_over_64_kib(case: &Case) {
    travel(case, 64 * 1024 + 1).await;
}

/// A value may have 64 MiB.
pub(crate) async fn just_64_mib(case: &Case) {
    travel(case, 64 * 1024 * 1024).await;
}

/// One value as payload, result, put value and argument: it is the same everywhere.
async fn travel(case: &Case, length: usize) {
    let value = pattern(length);
    let result = case.submit(echo(value.clone(), &[])).await;
    same(&value, &case.value(&result).await, "a payload and its result");
    let put = case.put(value.clone()).await;
    same(&value, &case.value(&put).await, "a put value");
    let passed = case.submit(echo("", &[put])).await;
    same(&value, &case.value(&passed).await, "a put value passed to a task");
    let passed = case.submit(echo("", &[result])).await;
    same(&value, &case.value(&passed).await, "a result passed to a task");
}

/// Bytes that differ from place to place, so that a lost or moved piece shows.
fn pattern(length: usize) -> Bytes {
    let byte = |at: usize| (at.wrapping_mul(2_654_435_761) >> 16) as u8;
    (0..length).map(byte).collect()
}

/// Not `assert_eq!`, which would print the values.
fn same(expected: &Bytes, got: &Bytes, what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}: the length changed");
    assert!(got == expected, "{what}: the bytes changed");
}
