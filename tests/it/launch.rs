//! A small launch with the claims of the large one: it drains as fast as the budget allows, without a 429,
//! and payments are not delayed by it.

use dozvon::bench::{Row, Size, launch};
use serde_json::Value;

use crate::support::folder::Folder;
use crate::support::program::program;

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

/// The file is for comparing runs: it has every figure with its reference, its goal and whether it is met.
#[tokio::test]
async fn the_figures_are_written_as_asked_for() {
    let folder = Folder::new();
    let json = folder.path().join("rows.json");
    let file = json.to_string_lossy();
    let mut command = program(&["bench", "--only", "launch", "--orders", "120", "--json", &file]);
    let done = command.env("TMPDIR", folder.path()).output().await.expect("the program is built");
    let text = std::fs::read_to_string(&json);
    let text = text.unwrap_or_else(|_| panic!("no figures: {}", String::from_utf8_lossy(&done.stderr)));
    let rows = serde_json::from_str::<Value>(&text).expect("JSON")["rows"].clone();
    let rows = rows.as_array().expect("rows");
    for row in rows {
        let keys: Vec<&str> = row.as_object().expect("a row").keys().map(String::as_str).collect();
        let named =
            ["far", "far_met", "goal", "met", "name", "noisy", "peer", "ratio", "reference", "unit", "value"];
        assert_eq!(keys, named, "{row}");
        assert_eq!(row["met"].is_null(), row["goal"].is_null(), "{row}");
    }
    let drain = rows.iter().find(|row| row["name"] == "launch.drain").expect("the drain");
    let (value, reference) = (drain["value"].as_f64().expect("a number"), drain["reference"].as_f64());
    let ratio = value / reference.expect("what full batches need");
    assert!((drain["ratio"].as_f64().expect("a ratio") - ratio).abs() < 1e-9, "{drain}");
    assert_eq!(drain["met"], ratio <= 1.15, "{drain}");
    // The exit code is for callers that do not read the file.
    let all_met = rows.iter().all(|row| row["met"] != false);
    assert_eq!(done.status.success(), all_met, "{}", String::from_utf8_lossy(&done.stderr));
}
