//! The texts that are built into the program, one line each: the identifier in the code, the file name in a
//! school's folder, the title for people. Never reads a file at run time. Enter at [`TextId`] and
//! [`SHIPPED`].

use std::fmt;

use serde::{Deserialize, Serialize};

/// The content of a text file, with its head.
#[derive(Debug, Clone, Copy)]
pub struct Shipped {
    pub name: &'static str,
    /// Path inside the source tree, for problems and for the reference.
    pub file: &'static str,
    pub source: &'static str,
}

macro_rules! texts {
    ($($(#[$doc:meta])* $list:ident $folder:literal: $($id:ident $name:literal $($title:literal)?,)+;)+) => {
        /// A text of the library. Stored and configured by its name.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(from = "String", into = "String")]
        pub enum TextId {
            $($($id,)+)+
            /// A text of the school's own, named by a route.
            Own(String),
        }

        impl TextId {
            /// The name of its file, without `.txt`.
            pub fn name(&self) -> &str {
                match self {
                    $($(Self::$id => $name,)+)+
                    Self::Own(name) => name,
                }
            }

            /// The title for people (M1).
            pub fn title(&self) -> &str {
                match self {
                    $($($(Self::$id => $title,)?)+)+
                    other => other.name(),
                }
            }
        }

        impl From<String> for TextId {
            fn from(name: String) -> Self {
                match name.as_str() {
                    $($($name => Self::$id,)+)+
                    _ => Self::Own(name),
                }
            }
        }

        $($(#[$doc])* pub const $list: &[TextId] = &[$(TextId::$id,)+];)+

        /// Every shipped text.
        pub const SHIPPED: &[Shipped] = &[$($(Shipped {
            name: $name,
            file: concat!("texts/", $folder, "/", $name, ".txt"),
            source: include_str!(concat!("texts/", $folder, "/", $name, ".txt")),
        },)+)+];
    };
}

texts! {
    /// Shipped letters (M1).
    LETTERS "letters":
        ApplicationReceived "application_received" "Заявка принята",
        WhereToPay "where_to_pay" "Куда оплатить",
        PaymentFails "payment_fails" "Не проходит платёж",
        OtherPayment "other_payment" "Другой способ оплаты",
        Invoice "invoice" "Счёт и реквизиты",
        Instalment "instalment" "Рассрочка",
        CallSummary "call_summary" "Итоги созвона",
        Materials "materials" "Материалы",
        Documents "documents" "Договор и документы",
        NotReached "not_reached" "Не дозвонились",
        ConfirmPhone "confirm_phone" "Подтвердите телефон",
        TimeConfirmed "time_confirmed" "Подтверждение времени",
        PaymentReminder "payment_reminder" "Напоминание об оплате",
        PartReminder "part_reminder" "Напоминание о следующем платеже",
        PaymentReceived "payment_received" "Оплата получена",
        FirstDay "first_day" "Первый день",
        RefundSeen "refund_seen" "Просьба о возврате",
        OlderOrder "older_order" "Ваш прежний заказ",
    ;
    /// Shipped texts of tasks, which a manager reads in the CRM.
    TASKS "tasks":
        TaskFirstCall "task_first_call",
        TaskCall "task_call",
        TaskNext "task_next",
        TaskCheckContacts "task_check_contacts",
        TaskCallBack "task_call_back",
        TaskCallBackSoon "task_call_back_soon",
        TaskMissedCall "task_missed_call",
        TaskAsk "task_ask",
        TaskAskAgain "task_ask_again",
        TaskPaymentDate "task_payment_date",
        TaskUnpaidPromise "task_unpaid_promise",
        TaskPartMissed "task_part_missed",
        TaskPhone "task_phone",
        TaskPhoneCheck "task_phone_check",
        TaskPhoneLast "task_phone_last",
        TaskHandOver "task_hand_over",
        TaskLate "task_late",
        TaskEscalated "task_escalated",
        TaskAlreadyTaken "task_already_taken",
        TaskRefusalReason "task_refusal_reason",
        TaskSpecial "task_special",
        TaskDoubt "task_doubt",
        TaskOwnTry "task_own_try",
        TaskInstalment "task_instalment",
        TaskLongCycle "task_long_cycle",
        TaskFarDate "task_far_date",
        TaskRefund "task_refund",
        TaskRefundCheck "task_refund_check",
        TaskPaymentCheck "task_payment_check",
        TaskUndeliverable "task_undeliverable",
        TaskGuard "task_guard",
    ;
    /// Scripts inside tasks («Что сказать клиенту»).
    SCRIPTS "scripts":
        ScriptFirstCall "script_first_call",
        ScriptCheckContacts "script_check_contacts",
        ScriptCallBack "script_call_back",
        ScriptUnpaidPromise "script_unpaid_promise",
        ScriptInstalment "script_instalment",
        ScriptLongCycle "script_long_cycle",
        ScriptObjections "script_objections",
    ;
    /// Parts that several texts include.
    PARTS "parts":
        CommonFacts "common_facts",
        CommonAnswers "common_answers",
    ;
}

impl From<&str> for TextId {
    fn from(name: &str) -> Self {
        Self::from(name.to_owned())
    }
}

impl From<TextId> for String {
    fn from(id: TextId) -> Self {
        id.name().to_owned()
    }
}

impl fmt::Display for TextId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
