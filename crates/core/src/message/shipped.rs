//! The list of texts that are built into the program, one line each.
//! Never reads a file at run time. Enter at [`SHIPPED`].

/// A text as it stands in its file, with its head.
#[derive(Debug, Clone, Copy)]
pub struct Shipped {
    pub name: &'static str,
    /// Path inside the source tree, for problems and for the reference.
    pub file: &'static str,
    pub source: &'static str,
}

macro_rules! shipped {
    ($($folder:literal: $($name:literal)+;)+) => {
        &[$($(Shipped {
            name: $name,
            file: concat!("texts/", $folder, "/", $name, ".txt"),
            source: include_str!(concat!("texts/", $folder, "/", $name, ".txt")),
        },)+)+]
    };
}

/// Every shipped text: letters, tasks, scripts, and the parts that several of them include.
pub const SHIPPED: &[Shipped] = shipped! {
    "letters":
        "application_received"
        "call_summary"
        "confirm_phone"
        "documents"
        "first_day"
        "instalment"
        "invoice"
        "materials"
        "not_reached"
        "older_order"
        "other_payment"
        "part_reminder"
        "payment_fails"
        "payment_received"
        "payment_reminder"
        "time_confirmed"
        "where_to_pay";
    "tasks":
        "task_already_taken"
        "task_ask"
        "task_ask_again"
        "task_call"
        "task_call_back"
        "task_call_back_soon"
        "task_check_contacts"
        "task_doubt"
        "task_escalated"
        "task_first_call"
        "task_free_pool"
        "task_guard"
        "task_hand_over"
        "task_instalment"
        "task_late"
        "task_long_cycle"
        "task_missed_call"
        "task_own_try"
        "task_part_missed"
        "task_payment_date"
        "task_phone"
        "task_phone_check"
        "task_phone_last"
        "task_refusal_reason"
        "task_special"
        "task_undeliverable"
        "task_unpaid_promise";
    "scripts":
        "script_call_back"
        "script_check_contacts"
        "script_first_call"
        "script_instalment"
        "script_long_cycle"
        "script_objections"
        "script_unpaid_promise";
    "parts":
        "common_answers"
        "common_facts";
};
