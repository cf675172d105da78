//! The one list of what is wrong with the running bridge, typed: `/readyz`, `/metrics`, notices and `check
//! --online` show the same entries. Never looks for troubles itself and never holds personal data. Enter at
//! [`Trouble`] and [`Board`]; `worker::troubles` and `http::operation` find them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;
use serde::Serialize;

use crate::process::{At, SchoolId};

/// Pause between two notices of one kind that say the same: begun, or ended.
const NOTICE_EVERY: TimeDelta = TimeDelta::hours(1);

/// A list longer than this is cut in a notice.
pub const LISTED_MAX: usize = 20;

/// What can be wrong. The names are stable: alarms of other systems refer to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TroubleKind {
    AccountDenied,
    StoreUnreachable,
    StoreRefuses,
    StoreLost,
    StoreEvicts,
    StoreNotDurable,
    StoreFull,
    InboxStands,
    InboxBehind,
    SpoolWaits,
    SpoolFull,
    SpoolDamaged,
    CanaryLate,
    TokenEnds,
    PanicsCaught,
    RecordsUnreadable,
    ConfigurationRefused,
    ConfigurationOutdated,
    RequestsTooMany,
    RequestsTooLarge,
    DeadLetters,
    NamesUnread,
    EventsUnknown,
    FactsMissing,
    DataOpen,
    ContactsHeld,
    LinkStrange,
    AddressesOld,
    RequestsRefused,
    ErasedStay,
    CallersUnrouted,
}

/// What a trouble means for the bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// For somebody who looks.
    Note,
    /// A person has to act, and is told; the bridge works on.
    Warning,
    /// Work stands: `/readyz` answers 503.
    Stop,
}

impl TroubleKind {
    pub const ALL: [Self; 31] = [
        Self::AccountDenied,
        Self::StoreUnreachable,
        Self::StoreRefuses,
        Self::StoreLost,
        Self::StoreEvicts,
        Self::StoreNotDurable,
        Self::StoreFull,
        Self::InboxStands,
        Self::InboxBehind,
        Self::SpoolWaits,
        Self::SpoolFull,
        Self::SpoolDamaged,
        Self::CanaryLate,
        Self::TokenEnds,
        Self::PanicsCaught,
        Self::RecordsUnreadable,
        Self::ConfigurationRefused,
        Self::ConfigurationOutdated,
        Self::RequestsTooMany,
        Self::RequestsTooLarge,
        Self::DeadLetters,
        Self::NamesUnread,
        Self::EventsUnknown,
        Self::FactsMissing,
        Self::DataOpen,
        Self::ContactsHeld,
        Self::LinkStrange,
        Self::AddressesOld,
        Self::RequestsRefused,
        Self::ErasedStay,
        Self::CallersUnrouted,
    ];

    /// The id, as in JSON, metrics and notices.
    pub fn id(self) -> String {
        crate::json::name(&self)
    }

    pub fn weight(self) -> Weight {
        match self {
            Self::AccountDenied
            | Self::StoreUnreachable
            | Self::StoreRefuses
            | Self::StoreLost
            | Self::StoreFull
            | Self::InboxStands
            | Self::SpoolFull
            | Self::CanaryLate => Weight::Stop,
            Self::StoreEvicts
            | Self::StoreNotDurable
            | Self::InboxBehind
            | Self::SpoolDamaged
            | Self::TokenEnds
            | Self::PanicsCaught
            | Self::RecordsUnreadable
            | Self::ConfigurationRefused
            | Self::ConfigurationOutdated
            | Self::RequestsTooMany
            | Self::RequestsTooLarge
            | Self::ContactsHeld
            | Self::LinkStrange => Weight::Warning,
            Self::SpoolWaits
            | Self::DeadLetters
            | Self::NamesUnread
            | Self::EventsUnknown
            | Self::FactsMissing
            | Self::DataOpen
            | Self::AddressesOld
            | Self::RequestsRefused
            | Self::ErasedStay
            | Self::CallersUnrouted => Weight::Note,
        }
    }

    /// What is wrong, for a person.
    pub fn what(self) -> &'static str {
        match self {
            Self::AccountDenied => "Платформа не принимает наши запросы: доступ отклонён",
            Self::StoreUnreachable => "Хранилище не отвечает",
            Self::StoreRefuses => "Хранилище отказывает в правах",
            Self::StoreLost => "Хранилище потеряло данные, программа читает всё заново",
            Self::StoreEvicts => "Redis может удалить заявки, когда не хватит памяти",
            Self::StoreNotDurable => "Redis не пишет на диск: после перезапуска данные пропадут",
            Self::StoreFull => "В Redis заканчивается память",
            Self::InboxStands => "Принятые запросы не обрабатываются",
            Self::InboxBehind => "Принятые запросы обрабатываются с опозданием",
            Self::SpoolWaits => "Запросы ждут на диске, пока хранилище не отвечает",
            Self::SpoolFull => "Запросы некуда складывать: программа отказывает платформам",
            Self::SpoolDamaged => "Часть запросов на диске повреждена",
            Self::CanaryLate => "Назначенные дела не выполняются вовремя",
            Self::TokenEnds => "Скоро закончится срок ключа доступа",
            Self::PanicsCaught => "В программе найдена ошибка, остальная работа продолжается",
            Self::RecordsUnreadable => "Часть записей не читается этой версией",
            Self::ConfigurationRefused => "Изменённые настройки не приняты, работают прежние",
            Self::ConfigurationOutdated => "У этого экземпляра устаревшие настройки",
            Self::RequestsTooMany => "Запросов больше, чем разрешено: лишние отклонены",
            Self::RequestsTooLarge => "Приходят слишком большие запросы: они отклонены",
            Self::DeadLetters => "Есть действия, которые программа не смогла выполнить",
            Self::NamesUnread => "Приходят параметры, которые никто не читает",
            Self::EventsUnknown => "Приходят события, которых программа не знает",
            Self::FactsMissing => "Адреса в кабинете не передают того, что нужно правилам школы",
            Self::DataOpen => "Папку с данными могут читать другие пользователи этого компьютера",
            Self::AddressesOld => "Платформа вызывает прежний адрес, а не тот, что печатает dozvon url",
            Self::RequestsRefused => "Приходят запросы с неверным секретом или подписью: они отклонены",
            Self::ErasedStay => "Удалённые люди могут оставаться в файлах Redis",
            Self::CallersUnrouted => "Звонят незнакомые номера, а маршрута для линии нет: сделок не создаём",
            Self::LinkStrange => "Ссылки на оплату ведут не на сайт школы: в письма они не попадают",
            Self::ContactsHeld => {
                "Часть писем или звонков не ушла: достигнут предел или такие номера запрещены"
            }
        }
    }

    /// What to do about it, for a person.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::AccountDenied => {
                "Проверьте ключ доступа и оплату аккаунта. Ничего не потеряно: действия уйдут, когда доступ вернётся. Новый ключ из файла программа прочитает по SIGHUP"
            }
            Self::StoreUnreachable => {
                "Проверьте, что Redis запущен и доступен и что адрес, сертификат и имя службы верны (причина в detail). Новые запросы программа пока складывает на диск"
            }
            Self::StoreRefuses => "Дайте пользователю Redis права из раздела «Stores» в README",
            Self::StoreLost => {
                "Проверьте, кто очистил или заменил Redis. Программа восстановит что сможет сама"
            }
            Self::StoreEvicts => "Задайте в Redis maxmemory-policy noeviction",
            Self::StoreNotDurable => "Включите в Redis appendonly yes",
            Self::StoreFull => "Увеличьте maxmemory или освободите память",
            Self::InboxStands => "Посмотрите журнал программы и перезапустите её, если она молчит",
            Self::InboxBehind => {
                "Если запросов сейчас необычно много, подождите: они будут обработаны по порядку. Если опоздание растёт, проверьте нагрузку этого компьютера и Redis"
            }
            Self::SpoolWaits => "Ничего: запросы уйдут, когда хранилище ответит",
            Self::SpoolFull => "Освободите диск или увеличьте limits.spool_mb, верните хранилище",
            Self::SpoolDamaged => "Посмотрите файл spool/<школа>.damaged и удалите его",
            Self::CanaryLate => "Посмотрите журнал программы и перезапустите её, если она молчит",
            Self::TokenEnds => "Выпустите новый ключ и впишите его туда, откуда его читает программа",
            Self::PanicsCaught => "Сообщите разработчикам место ошибки из журнала",
            Self::RecordsUnreadable => {
                "Запустите версию, которая их записала, затем повторите отложенное: dozvon dead retry"
            }
            Self::ConfigurationRefused => "Запустите dozvon check и исправьте файлы",
            Self::ConfigurationOutdated => "Дайте всем экземплярам одни и те же файлы",
            Self::RequestsTooMany => {
                "Если это запросы вашей школы, увеличьте limits.school_per_minute и limits.peer_per_minute. Если нет, смените секрет в адресах"
            }
            Self::RequestsTooLarge => {
                "Проверьте, что передают адреса в кабинете платформы. Если это чужие запросы, смените секрет в адресах"
            }
            Self::DeadLetters => "Посмотрите список: dozvon dead list <школа>",
            Self::NamesUnread => {
                "Проверьте имена в кабинете платформы. Свои имена параметров GetCourse впишите в getcourse.fields"
            }
            Self::EventsUnknown => "Сообщите разработчикам: платформа добавила новые события",
            Self::FactsMissing => {
                "Замените адреса теми, что печатает dozvon url, или добавьте в свои эти параметры"
            }
            Self::DataOpen => "Закройте её командой chmod -R go= <папка>, ссылки замените самими файлами",
            Self::AddressesOld => {
                "Вставьте в кабинет платформы адреса, которые печатает dozvon url. Когда прежних не останется, уберите второй секрет и впишите old_addresses = false"
            }
            Self::RequestsRefused => {
                "Если это ваша платформа, вставьте в её кабинет адреса, которые печатает dozvon url, и проверьте её ключ подписи. Если запросы чужие, делать ничего не нужно: из них ничего не следует"
            }
            Self::ErasedStay => {
                "Дайте пользователю Redis права BGREWRITEAOF и BGSAVE из раздела «Stores» в README, затем удалите человека ещё раз или перепишите файлы Redis сами"
            }
            Self::CallersUnrouted => {
                "Если это клиенты, добавьте маршрут с line = номер линии: звонки и пропущенные станут сделками. Сами звонки видны в кабинете телефонии"
            }
            Self::LinkStrange => {
                "Посмотрите payment_link в последних заявках. Если это сайт школы, впишите его в getcourse.link_hosts. Если нет, кто-то знает секрет адреса: замените его"
            }
            Self::ContactsHeld => {
                "Проверьте, не заполняет ли кто-то форму чужими адресами и номерами. Если заявки настоящие, увеличьте предел в [contact_limits] или дополните dialling.call_countries. Задачи о таких письмах стоят у менеджеров"
            }
        }
    }

    /// How long it has to last before a person is told: a short restart is no news.
    fn patience(self) -> TimeDelta {
        match self {
            Self::StoreUnreachable => TimeDelta::seconds(10),
            _ => TimeDelta::zero(),
        }
    }
}

/// One entry of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trouble {
    pub id: TroubleKind,
    pub weight: Weight,
    /// `None` if it concerns the whole instance.
    pub school: Option<SchoolId>,
    /// The platform, or another part of the school.
    pub platform: Option<String>,
    /// How many are concerned: deliveries that wait, entries, names.
    pub count: u64,
    pub since: At,
    pub what: &'static str,
    pub todo: &'static str,
    /// For an engineer, in English.
    pub detail: String,
}

impl Trouble {
    /// Of the whole instance.
    pub fn new(id: TroubleKind, count: u64, detail: impl Into<String>, now: At) -> Self {
        Self {
            id,
            weight: id.weight(),
            school: None,
            platform: None,
            count,
            since: now,
            what: id.what(),
            todo: id.remedy(),
            detail: detail.into(),
        }
    }

    pub fn of(self, school: &SchoolId) -> Self {
        Self { school: Some(school.clone()), ..self }
    }

    pub fn at(self, platform: &str) -> Self {
        Self { platform: Some(platform.to_owned()), ..self }
    }

    fn key(&self) -> Key {
        (self.id, self.school.clone(), self.platform.clone())
    }
}

/// Two entries with one key are the same trouble.
type Key = (TroubleKind, Option<SchoolId>, Option<String>);

/// What a person is told: troubles of one kind that have begun, or that have ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Notice {
    pub id: TroubleKind,
    pub change: Change,
    pub at: At,
    pub troubles: Vec<Trouble>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    Begun,
    Ended,
}

#[derive(Debug)]
struct Known {
    trouble: Trouble,
    stands: bool,
    /// A person knows that it stands.
    told: bool,
}

#[derive(Debug, Default)]
struct State {
    known: BTreeMap<Key, Known>,
    /// When each was last told.
    told_at: BTreeMap<(Key, Change), At>,
}

/// The troubles that stand now, with their beginnings; shared by all who ask. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Board(Arc<Mutex<State>>);

impl Board {
    /// Takes in everything that was found just now, and returns it with the times at which it began.
    pub fn observe(&self, found: Vec<Trouble>) -> Vec<Trouble> {
        let mut state = self.state();
        let mut standing = BTreeSet::new();
        for trouble in found {
            let key = trouble.key();
            let known = state.known.get(&key);
            let since = known.filter(|known| known.stands).map_or(trouble.since, |known| known.trouble.since);
            let told = known.is_some_and(|known| known.told);
            standing.insert(key.clone());
            state.known.insert(key, Known { trouble: Trouble { since, ..trouble }, stands: true, told });
        }
        state.known.retain(|key, known| {
            known.stands = standing.contains(key);
            known.stands || known.told
        });
        let standing = state.known.values().filter(|known| known.stands);
        let mut standing: Vec<Trouble> = standing.map(|known| known.trouble.clone()).collect();
        standing.sort_by(|a, b| b.weight.cmp(&a.weight).then(a.since.cmp(&b.since)));
        standing
    }

    /// What a person has to be told now: of one account or school at most one notice of a kind and change per hour,
    /// so that what comes and goes fills no mailbox. What is held back is part of a later one, unless it is no longer
    /// true then.
    pub fn notices(&self, now: At) -> Vec<Notice> {
        let mut state = self.state();
        let mut notices: BTreeMap<(TroubleKind, Change), Vec<Trouble>> = BTreeMap::new();
        state.told_at.retain(|_, last| (now - *last).abs() < NOTICE_EVERY);
        let State { known, told_at } = &mut *state;
        for (key, known) in known {
            let trouble = &known.trouble;
            let change = if known.stands { Change::Begun } else { Change::Ended };
            let is_news = known.stands != known.told
                && trouble.weight >= Weight::Warning
                && (!known.stands || now - trouble.since >= trouble.id.patience());
            let about = (key.clone(), change);
            if is_news && !told_at.contains_key(&about) {
                told_at.insert(about, now);
                known.told = known.stands;
                notices.entry((trouble.id, change)).or_default().push(trouble.clone());
            }
        }
        state.known.retain(|_, known| known.stands || known.told);
        notices.into_iter().map(|((id, change), troubles)| Notice { id, change, at: now, troubles }).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> At {
        At::UNIX_EPOCH + TimeDelta::minutes(minute)
    }

    fn denied(school: &str, minute: i64) -> Trouble {
        Trouble::new(TroubleKind::AccountDenied, 1, "401", at(minute)).of(&SchoolId::from(school)).at("crm")
    }

    /// The notices after each look: kind, change and number of troubles.
    #[track_caller]
    fn check(looks: &[(i64, &[&str])], expected: &[(i64, Change, usize)]) {
        let (board, mut told) = (Board::default(), Vec::new());
        for (minute, schools) in looks {
            board.observe(schools.iter().map(|school| denied(school, *minute)).collect());
            let notices = board.notices(at(*minute));
            told.extend(notices.iter().map(|notice| (*minute, notice.change, notice.troubles.len())));
        }
        assert_eq!(told, expected);
    }

    #[test]
    fn a_trouble_and_its_end_are_told_once() {
        let one: &[&str] = &["a"];
        check(&[(0, one), (1, one), (2, &[]), (3, &[])], &[(0, Change::Begun, 1), (2, Change::Ended, 1)]);
    }

    #[test]
    fn each_account_is_told_at_once_and_once_an_hour() {
        let (one, three): (&[&str], &[&str]) = (&["a"], &["a", "b", "c"]);
        check(
            &[(0, one), (5, three), (59, three), (60, three)],
            &[(0, Change::Begun, 1), (5, Change::Begun, 2)],
        );
        // What comes and goes does not fill a mailbox.
        let flaps: Vec<(i64, &[&str])> =
            (0..59).map(|minute| (minute, if minute % 2 == 0 { one } else { &[] })).collect();
        check(&flaps, &[(0, Change::Begun, 1), (1, Change::Ended, 1)]);
    }

    #[test]
    fn it_stands_since_it_began_and_the_gravest_comes_first() {
        let board = Board::default();
        let light = Trouble::new(TroubleKind::NamesUnread, 2, "", at(0));
        board.observe(vec![light.clone()]);
        let seen = board.observe(vec![Trouble { since: at(9), ..light }, denied("a", 9)]);
        assert_eq!(
            seen.iter().map(|one| (one.id, one.since)).collect::<Vec<_>>(),
            [(TroubleKind::AccountDenied, at(9)), (TroubleKind::NamesUnread, at(0))]
        );
        assert!(board.notices(at(9)).iter().all(|notice| notice.id == TroubleKind::AccountDenied));
    }

    #[test]
    fn a_short_outage_is_no_news() {
        let board = Board::default();
        let away = |second| {
            Trouble::new(TroubleKind::StoreUnreachable, 1, "", At::UNIX_EPOCH + TimeDelta::seconds(second))
        };
        board.observe(vec![away(0)]);
        assert_eq!(board.notices(away(0).since), []);
        board.observe(Vec::new());
        assert_eq!(board.notices(away(5).since), []);
        board.observe(vec![away(10)]);
        board.observe(vec![away(20)]);
        assert_eq!(board.notices(away(20).since).len(), 1);
    }

    #[test]
    fn each_kind_has_an_id_and_words_of_its_own() {
        let ids: BTreeSet<String> = TroubleKind::ALL.iter().map(|kind| kind.id()).collect();
        let words: BTreeSet<&str> = TroubleKind::ALL.iter().map(|kind| kind.what()).collect();
        assert_eq!((ids.len(), words.len()), (TroubleKind::ALL.len(), TroubleKind::ALL.len()));
        assert!(ids.contains("account_denied"));
    }
}
