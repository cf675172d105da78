//! The texts of the printed reference for the process. Enter at [`PROCESS`].

use super::table::{File, Section, key};

pub const PROCESS: &[Section] = &[
    Section {
        file: File::Process,
        path: "arrival",
        about: "A new order (L1–L3, L7–L11).",
        keys: &[
            key("confirmation", "true | false", "Send the confirmation with the payment link (L1)."),
            key("pause_minutes", "minutes", "After an order before the first call (L2)."),
            key("credit_pause_hours", "hours", "The same for routes with `credit = true` (L2)."),
            key("short_path", "true | false", "Orders made by a manager take the short path (L3)."),
            key(
                "fold_duplicates",
                "true | false",
                "Merge a younger unpaid order of the same client and offer into the older (L7).",
            ),
            key("keep_manager", "true | false", "A client's orders go to his present manager (L8)."),
            key(
                "free_pool_minutes",
                "minutes",
                "After which the queue assigns an order that nobody took (L9).",
            ),
            key("ask_phone", "true | false", "Phone missing or wrong: ask for it on all channels (L11)."),
            key(
                "hand_over",
                "true | false",
                "A new responsible gets the open tasks and a task with the context (L10).",
            ),
        ],
    },
    Section {
        file: File::Process,
        path: "phone",
        about: "A phone is missing, wrong or unconfirmed (L11, L12).",
        keys: &[
            key("check_days", "days", "Until the task to check (L11)."),
            key("postponed_days", "days", "«Отложен» before the last check (L11)."),
            key("last_days", "working days", "For the last task before the order is cancelled (L11)."),
            key(
                "check_unconfirmed",
                "true | false",
                "Priority and the checking script for a phone that is not confirmed (L12).",
            ),
        ],
    },
    Section {
        file: File::Process,
        path: "contact",
        about: "When a client may be contacted, in his time zone (D13).",
        keys: &[
            key("calls", "HH:MM-HH:MM", "Calls on working days."),
            key("calls_off_days", "HH:MM-HH:MM", "Calls on weekends and holidays. Absent: none."),
            key("hard", "HH:MM-HH:MM", "Outside these hours a client is contacted only at his own request."),
            key("letters", "HH:MM-HH:MM", "Letters of the ladder. Absent: any time."),
            key("spread_minutes", "minutes", "Over which work due at an opening is spread."),
        ],
    },
    Section {
        file: File::Process,
        path: "contact_limits",
        about: "How many letters and started calls an hour and a day may have, over all orders. Beyond them a manager gets a task.",
        keys: &[
            key("letters_per_address_hour", "number", "Letters to one address."),
            key("letters_per_address_day", "number", "Letters to one address."),
            key("first_letters_hour", "number", "Letters to addresses that were never written to."),
            key("first_letters_day", "number", "Letters to addresses that were never written to."),
            key("letters_hour", "number", "All letters of the school."),
            key("letters_day", "number", "All letters of the school."),
            key("calls_per_number_hour", "number", "Started calls of one number (D9)."),
            key("calls_per_number_day", "number", "Started calls of one number (D9)."),
            key("calls_hour", "number", "All started calls of the school (D9)."),
            key("calls_day", "number", "All started calls of the school (D9)."),
        ],
    },
    Section {
        file: File::Process,
        path: "dialling",
        about: "«Дозваниваемся за 3 дня» (D1–D3, D5, D9–D12).",
        keys: &[
            key(
                "ladder",
                "list of lists",
                "One list per day: `now`, `+20m`, `+2h30m`, or the name of a window (D2).",
            ),
            key("windows", "name = HH:MM-HH:MM", "Named windows in the client's time (D2)."),
            key(
                "every_minutes",
                "minutes",
                "Between attempts at a fixed interval instead of the ladder; 0: off.",
            ),
            key("gap_minutes", "minutes", "Minimum time between two attempts (D2)."),
            key(
                "days",
                "days",
                "With permitted calls before giving up, together with `attempts_min`: both have to be reached (D3).",
            ),
            key(
                "attempts_min",
                "number",
                "Attempts without a talk before giving up, at the least; while `days` last there can be more (D3).",
            ),
            key("give_up_hours", "hours", "From the last message to the cancellation (D3)."),
            key(
                "give_up_postpones",
                "true | false",
                "Keep «Отложен» instead of cancelling, so that the order can still be paid (D3).",
            ),
            key("reminder_minutes", "minutes", "The manager's reminder before a promised time (D5)."),
            key("confirm_call_back", "true | false", "Confirm a promised time to the client (D5)."),
            key("missed_minutes", "minutes", "Within which a missed incoming call is called back (D11)."),
            key(
                "trust_task_result",
                "true | false",
                "A manager's report counts if telephony reported no call (D10).",
            ),
            key("talk_seconds", "seconds", "Minimum length of a talk (D12)."),
            key(
                "failed_retry_minutes",
                "minutes",
                "Until a call that failed on our side is tried again (D12).",
            ),
            key("task_minutes", "minutes", "Within which a call task must be done."),
            key(
                "start_calls",
                "true | false",
                "Start the call when its task is due, the manager's leg first, if he is free, in the team's hours (`task.hours`) on the working days of the school's [calendar] (D9).",
            ),
            key(
                "call_countries",
                "list of codes",
                "Countries whose numbers the bridge calls, [\"7\", \"375\"]; 7 is Russia and Kazakhstan without their 80… services. Any other number stays a task (D9).",
            ),
            key(
                "start_wait_s",
                "seconds",
                "Within which a started call must be reported; after them the manager did not pick up (D9).",
            ),
        ],
    },
    Section {
        file: File::Process,
        path: "talk",
        about: "After a talk: «Что дальше?» (L13).",
        keys: &[
            key(
                "ask",
                "true | false",
                "Ask after a talk, repeatedly until answered. Off: call again after `follow_up_days`; an agreed date stands.",
            ),
            key("answer_minutes", "working minutes", "The manager's time to answer."),
            key("first_answer_seconds", "seconds", "After an answer in which another one is ignored."),
            key("doubt_days", "days", "«Сомневается»: until the next contact."),
            key(
                "follow_up_days",
                "working days",
                "Instalment and long cycle: until the manager is asked again.",
            ),
            key("special_hours", "hours", "«Особые условия»: for the head's decision."),
        ],
    },
    Section {
        file: File::Process,
        path: "promise",
        about: "A promised payment (P1, P2).",
        keys: &[
            key(
                "reminder",
                "true | false",
                "Send the reminder with the link on the morning of the promised day (P1).",
            ),
            key("reminder_at", "HH:MM", "Time of the reminder, in the client's time zone."),
            key("check_hours", "hours", "Before the evening window at which the payment is checked (P1)."),
            key("redial", "true | false", "Not paid by then: a call task the same day and a new round (P2)."),
        ],
    },
    Section {
        file: File::Process,
        path: "task",
        about: "Deadlines of tasks (L15).",
        keys: &[
            key("watch", "true | false", "Watch deadlines at all."),
            key("late_minutes", "working minutes", "Late → reminder."),
            key("escalate_minutes", "minutes", "Late → another free manager or the head."),
            key(
                "put_back",
                "true | false",
                "Restore a deadline that a manager postponed without the client's wish.",
            ),
            key(
                "hours",
                "HH:MM-HH:MM",
                "The team's hours, in the school's time zone, on the working days of the school's [calendar]: also for `start_calls`.",
            ),
        ],
    },
    Section {
        file: File::Process,
        path: "refusal",
        about: "Refusals (R1, R2).",
        keys: &[
            key(
                "needs_reason",
                "true | false",
                "Ask the manager about a refusal without a reason and a text (R1).",
            ),
            key("revival", "true | false", "A new linked lead in the revival pipeline (R2)."),
        ],
    },
    Section {
        file: File::Process,
        path: "payment",
        about: "Payments, whole and in parts (L4, L5, W1).",
        keys: &[
            key("confirm_minutes", "minutes", "Until an unconfirmed payment is read again."),
            key("part_days", "days", "From a partial payment to the next, if no date is known (L5)."),
            key("part_reminders", "true | false", "Remind of the next part (L5)."),
            key("welcome", "true | false", "Send the receipt and «путь первого дня» (W1)."),
            key("fulfilment", "true | false", "A new linked lead in the fulfilment pipeline (W1)."),
        ],
    },
    Section {
        file: File::Process,
        path: "refund",
        about: "Refunds and cancellations of paid orders (L16).",
        keys: &[
            key(
                "on",
                "true | false",
                "The head decides about a refund; off: only a line in the lead's feed.",
            ),
            key("answer_work_hours", "working hours", "For the head's decision."),
            key("stop_after_payment", "true | false", "Stop reminders and unsent letters meanwhile."),
            key("letter", "true | false", "Tell the client that the request for a refund was received."),
            key(
                "lead",
                "keep | lost",
                "The won lead after all money was given back: it stays won at the price that remains, or it is lost.",
            ),
        ],
    },
    Section {
        file: File::Process,
        path: "feed",
        about: "What is written into the lead's feed and into GetCourse (K2, K6).",
        keys: &[
            key("calls", "true | false", "Calls in the lead's feed."),
            key("notes", "true | false", "Messages, payments, statuses and decisions in the lead's feed."),
            key("comments", "true | false", "A comment in GetCourse at each change of state."),
            key("forward_only", "true | false", "Stages move forward only (K2)."),
        ],
    },
    Section {
        file: File::Process,
        path: "next_note",
        about: "What a lead shows of its next step (K10).",
        keys: &[
            key(
                "how",
                "task | pin | off",
                "task: the next call's own task stands in the CRM from when it is planned, with its date; a pause \
                 without a call shows a pinned note «Дальше: …». pin: always the note.",
            ),
            key("update_minutes", "minutes", "Between two edits of the pinned note, 120 at most."),
        ],
    },
];
