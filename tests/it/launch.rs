//! A small launch with the claims of the large one: it drains as fast as the budget lets it,
//! without a 429, and whoever pays meanwhile is not kept waiting.

use dozvon::bench::{Row, Size, launch};

#[tokio::test]
async fn a_launch_drains_by_its_budget_and_payments_overtake_it() {
    let size = Size { orders: 300, before: 1, within: 1 };
    let launch = launch(size).await.expect("it drains");
    assert!(launch.leads >= 300 && launch.notes >= 300, "{launch:?}");
    assert_eq!(launch.paid_s.len(), 2);
    assert_eq!(launch.refused, 0, "no 429");
    let rows = launch.rows();
    let missed: Vec<&Row> = rows.iter().filter(|row| row.met() == Some(false)).collect();
    // Of eighteen batches the first are not full and the last wait for each other.
    assert!(missed.iter().all(|row| row.name == "launch.drain"), "{missed:#?}");
    let drain = rows.iter().find(|row| row.name == "launch.drain").and_then(Row::ratio);
    assert!(drain.is_some_and(|ratio| ratio <= 2.0), "{drain:?}");
}
