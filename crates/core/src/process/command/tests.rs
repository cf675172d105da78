//! The ids of commands.

use super::*;

#[test]
fn the_same_request_has_the_same_id_and_another_one_has_another() {
    let id = |ask: &Ask| CommandId::new(&"gc-1".into(), 4, ask);
    let task = |text: &str, due: i64| {
        Ask::CreateTask(CreateTask {
            task: "t4·gc-1".into(),
            role: LeadRole::Sales,
            kind: TaskKind::Call,
            text: text.to_owned(),
            due: At::from_timestamp(due, 0).expect("in range"),
            minutes: 15,
            responsible: "irina".into(),
            instead: None,
        })
    };
    assert_eq!(id(&task("Позвонить", 1)), id(&task("Позвонить", 60)), "a moment later");
    assert_ne!(id(&task("Позвонить", 1)), id(&task("Что дальше?", 1)));
    let stage =
        |stage| Ask::SetStage { role: LeadRole::Sales, pipeline: None, stage, reason: None, refunded: false };
    assert_ne!(id(&stage(Stage::Won)), id(&stage(Stage::Lost)));
    assert_eq!(id(&stage(Stage::Won)).as_str(), "gc-1.4-188f", "stored ids outlive the program");
    assert_eq!(id(&stage(Stage::Won)).order(), Some("gc-1".into()));
}
