//! Waiting for an agreed date: doubt, own try, instalment, long cycle, special terms (L13).
//! Never creates a call task before that date. Enter at [`due`].

use crate::message::text::TextId;
use crate::mutant::cut;
use crate::process::decision::{Class, Decision, Heard, Request, Row, Section, Tasks, Whose};
use crate::process::event::{Event, News};
use crate::process::state::{FollowUp, FollowUpKind, Wait};
use crate::process::timers::Timer;

const WORK: &[TextId] = &[TextId::TaskInstalment, TextId::TaskLongCycle, TextId::TaskSpecial];

pub const SECTION: Section = Section {
    name: "follow_up",
    rules: &["L13", "D12"],
    timers: &[Row {
        timer: Timer::FollowUp,
        class: Class::Date,
        lives: |order| matches!(order.state(), Wait::FollowUp(_)),
        fires: due,
    }],
    // The task stays with the manager until its date, or until he answers (`Decision::answered`).
    tasks: &[Tasks { whose: Whose::Texts(WORK), stays: |_, _| true }],
    hears: |d, event| match event {
        Event::Sibling(News::Talked { .. }) => {
            sibling_talked(d);
            Heard::Taken
        }
        _ => Heard::Passed,
    },
    ..Section::QUIET
};

const STEP_DUE: &str = "Настал срок следующего шага";

/// The date has come: a call task, or the question again (L13).
fn due(d: &mut Decision) {
    let Wait::FollowUp(FollowUp { what, why }) = d.state().clone() else { return };
    let task = match what {
        FollowUpKind::Doubt => Some(TextId::TaskDoubt),
        FollowUpKind::OwnTry => Some(TextId::TaskOwnTry),
        FollowUpKind::CallLater | FollowUpKind::NotAsked => None,
        FollowUpKind::CheckPayment if cut("L13.paid_is_checked") => None,
        FollowUpKind::CheckPayment => return ask_again(d, "Оплата в GetCourse не найдена"),
        FollowUpKind::Instalment | FollowUpKind::LongCycle | FollowUpKind::Special => {
            d.close_tasks_where(|task| WORK.contains(&task.text) && !task.kept, "Срок наступил");
            return ask_again(d, why.as_deref().unwrap_or(STEP_DUE));
        }
        FollowUpKind::RefusedWithMoney | FollowUpKind::MoneyGone => return ask_again(d, STEP_DUE),
    };
    d.say("L13", "Настал названный день: новый круг звонков.");
    d.request(Request::Round { task, why });
}

/// The date is over before the question is asked: what is asked about is not what stands.
fn ask_again(d: &mut Decision, why: &str) {
    d.go(Wait::Asking, "Ждём ответа менеджера");
    d.request(Request::AskAgain { why: why.to_owned() });
}

/// The client talked about another order: this order's dialling waits (design, «Call → order»).
fn sibling_talked(d: &mut Decision) {
    const RESULT: &str = "С клиентом поговорили по другому заказу";
    if !matches!(d.state(), Wait::Dialling | Wait::Pause | Wait::GivingUp { .. }) || cut("D12.other_ladder") {
        return;
    }
    d.end_calls(RESULT);
    d.go(Wait::FollowUp(FollowUp::new(FollowUpKind::CallLater)), RESULT);
    let at = d.work_days(d.figures().talk.follow_up_days.clamp(1, 3));
    d.set(Timer::FollowUp, at);
    d.turn("D12", "С клиентом поговорили по другому заказу: звонки по этому остановлены.");
}
