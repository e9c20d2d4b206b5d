//! The progress display.

use crate::program::{ADD, builder};

#[tokio::test(flavor = "multi_thread")]
async fn a_progress_display_ends_when_it_is_dropped_and_keeps_no_loop_alive() {
    let chia = builder().start().await.unwrap();
    let progress = chia.show_progress();
    assert_eq!(chia.call(&ADD, (1, 2)).await.unwrap(), 3);
    let second = chia.show_progress();
    drop(progress);
    drop(chia);
    drop(second);
}
