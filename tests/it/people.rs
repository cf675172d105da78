//! A person who asks for erasure: exported completely before, found nowhere afterwards, and not called again
//! because of a late webhook.

use dozvon::link;
use dozvon::store::Store;

use crate::process::{FIRST, answer_late, bench, email, everything_stands, order_url, phone, tell};
use crate::support::program::{FORM, StoreKind, TestBed, form, rost, send, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_is_exported_and_erased_on_the_embedded_store() {
    exported_and_erased(StoreKind::Embedded).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_is_exported_and_erased_on_redis() {
    exported_and_erased(StoreKind::Redis).await;
}

async fn exported_and_erased(kind: StoreKind) {
    let bench = bench(kind).await;
    let bridge = bench.start().await;
    tell(&bench, 0).await;
    tell(&bench, 1).await;
    everything_stands(&bench, 2).await;
    // An undecodable request with the number in it waits as a dead letter.
    let undecodable = form(&[("phone", &phone(0)), ("status", "Новый")]);
    let url = bench.hook("getcourse", "order-created");
    assert_eq!(send("POST", &url, FORM, undecodable).await.expect("an answer").status, 200);
    until("its dead letter", async || (bridge.count("dead").await == 1).then_some(())).await;
    bridge.settled().await;

    let kept = export(&bench, 0).await;
    for part in ["clients", "orders", "dead_letters", "requests"] {
        assert!(!kept[part].as_array().expect(part).is_empty(), "{part} of {kept:#}");
    }
    let store = bench.store().await;
    let mirror =
        [link::mirror_phone(&phone(0)), link::mirror_email(&email(0))].map(|key| key.expect("a key"));
    let mirrored = || async { store.find(&rost(), &mirror).await.expect("the store answers") };
    until("the contact in the mirror", async || mirrored().await.iter().all(Option::is_some).then_some(()))
        .await;
    assert!(kept["orders"][0]["journal"].as_array().is_some_and(|journal| !journal.is_empty()));
    let other = (phone(1), email(1));
    assert!(!kept.to_string().contains(&other.0[2..]), "another person's number");

    told_before_and_after(&bench).await;
    until("an empty export", async || {
        let kept = export(&bench, 0).await;
        let is_empty = |part: &str| kept[part].as_array().is_some_and(Vec::is_empty);
        let parts = ["clients", "orders", "calls", "deliveries", "dead_letters", "requests"];
        parts.into_iter().all(is_empty).then_some(())
    })
    .await;
    bridge.settled().await;
    assert_eq!(bridge.count("dead").await, 0);
    assert!(!everything(&*store).await.contains(&email(0)));
    assert_eq!(mirrored().await, [None, None], "who he is in amoCRM");
    assert!(export(&bench, 1).await["clients"].as_array().is_some_and(|clients| clients.len() == 1));

    // The export contains deliveries that wait to be sent.
    answer_late(&bench, 2_000);
    tell(&bench, 2).await;
    until("what is on its way", async || {
        let kept = export(&bench, 2).await;
        kept["deliveries"].as_array().is_some_and(|waiting| !waiting.is_empty()).then_some(())
    })
    .await;
    answer_late(&bench, 0);
    bridge.settled().await;

    // GetCourse sends it once more with a small difference: the order is not started again.
    let leads = bench.world().leads().count();
    let again = order_url(&bench, 0).replace("cost=38500", "cost=38501");
    assert_eq!(send("GET", &again, "", "").await.expect("an answer").status, 200);
    bridge.settled().await;
    assert_eq!(export(&bench, 0).await["orders"], serde_json::json!([]));
    assert_eq!(bench.world().leads().count(), leads);
    assert_eq!(bridge.terminate().await, Some(0));

    waits_for_an_owner(&bench).await;
    let nobody = bench.run(&["person", "erase", "rost"]).await;
    assert_eq!(nobody.code(), Some(1));
    assert!(nobody.err().contains("--phone or --email"), "{}", nobody.err());
}

/// F100: another user of GetCourse types a client's number into the form.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_with_a_clients_number_gets_nothing_of_his() {
    let bench = bench(StoreKind::Embedded).await;
    let bridge = bench.start().await;
    let of_user = |order: i64, user: &str| {
        let url = order_url(&bench, order).replace(&phone(order)[1..], &phone(0)[1..]);
        format!("{url}&user_id={user}")
    };
    for (order, user) in [(0, "7001"), (1, "7002")] {
        assert_eq!(send("GET", &of_user(order, user), "", "").await.expect("an answer").status, 200);
        everything_stands(&bench, order + 1).await;
        bridge.settled().await;
    }
    let (client, stranger) = (email(0), email(1));
    let contacts: Vec<String> = bench.world().contacts().map(|contact| format!("{contact:?}")).collect();
    assert_eq!(contacts.len(), 2, "{contacts:#?}");
    assert!(contacts.iter().all(|one| !(one.contains(&client) && one.contains(&stranger))), "{contacts:#?}");
    let notes = format!("{:?}", bench.world().view());
    told("Тот же номер у другого клиента, в GetCourse он 7001", &notes);

    let by = async |args: &[&str]| bench.run(&[&["person", "export", "rost"], args].concat()).await;
    let his = by(&["--email", &stranger]).await;
    assert_eq!(his.code(), Some(0), "{}", his.err());
    assert!(!his.out().contains(&client), "{}", his.out());
    let both = by(&["--phone", &phone(0)]).await;
    assert_eq!(both.code(), Some(1), "{}", both.out());
    told("2 persons in rost have this number or address", &both.err());
    told("GetCourse user 7002", &both.err());
    let one = by(&["--phone", &phone(0), "--client", "c-gc-7001"]).await;
    assert_eq!(one.code(), Some(1), "no such person: {}", one.out());
    let whole = by(&["--phone", &phone(0), "--all"]).await;
    assert!(whole.out().contains(&client) && whole.out().contains(&stranger), "{}", whole.err());

    let erased = bench.run(&["person", "erase", "rost", "--email", &stranger, "--yes"]).await;
    told("Erased in rost: 1 client record(s), 1 order(s)", &erased.out());
    let left = by(&["--phone", &phone(0)]).await;
    assert_eq!(left.code(), Some(0), "{}", left.err());
    assert!(left.out().contains(&client) && !left.out().contains(&stranger), "{}", left.out());
    assert_eq!(bridge.terminate().await, Some(0));
}

/// F100: the secret of GetCourse's addresses redirects nothing: what only a report says of a known client does not count.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_gives_a_known_client_no_other_address() {
    let bench = bench(StoreKind::Embedded).await;
    let bridge = bench.start().await;
    let user = bench.world().order_of("order-0").expect("an order").user_id.to_string();
    let url = format!("{}&user_id={user}&zone=Asia/Omsk", order_url(&bench, 0));
    assert_eq!(send("GET", &url, "", "").await.expect("an answer").status, 200);
    everything_stands(&bench, 1).await;
    bridge.settled().await;

    let own = FIRST.to_string();
    let others = [FIRST + 1, FIRST + 900].map(|id| id.to_string());
    let thief = |n: usize| format!("thief-{n}@evil.example");
    let number = phone(0);
    // The order in which an order of another user, and one that GetCourse does not have, are said to be his.
    let forged: [(&str, Vec<(&str, &str)>); 6] = [
        (
            "user-updated",
            vec![("user_id", user.as_str()), ("phone", "+79036661099"), ("zone", "Asia/Vladivostok")],
        ),
        ("order-status", vec![("order_id", own.as_str()), ("phone", number.as_str())]),
        ("order-status", vec![("order_id", own.as_str()), ("user_id", user.as_str())]),
        ("order-status", vec![("order_id", own.as_str()), ("user_id", "66600")]),
        (
            "order-created",
            vec![("order_id", others[0].as_str()), ("user_id", user.as_str()), ("number", "12042")],
        ),
        (
            "order-created",
            vec![("order_id", others[1].as_str()), ("phone", number.as_str()), ("number", "12941")],
        ),
    ];
    let his = || bench.world().letters().iter().filter(|letter| letter.to.contains(&email(0))).count();
    let before = his();
    for (n, (address, fields)) in forged.iter().enumerate() {
        let email = thief(n);
        let fields: Vec<(&str, &str)> = fields.iter().copied().chain([("email", email.as_str())]).collect();
        let url = format!("{}?{}", bench.hook("getcourse", address), form(&fields));
        assert_eq!(send("GET", &url, "", "").await.expect("an answer").status, 200, "{url}");
        bridge.settled().await;
    }
    assert!(his() > before, "the letter of the other order went to the known address");
    let world = format!("{:?}", bench.world().letters().iter().map(|one| one.to.clone()).collect::<Vec<_>>());
    assert!(!world.contains("evil.example"), "{world}");
    let contacts: Vec<String> = bench.world().contacts().map(|contact| format!("{contact:?}")).collect();
    assert!(contacts.iter().all(|one| !one.contains("evil.example")), "{contacts:#?}");
    assert!(contacts.iter().all(|one| !one.contains("6661099")), "{contacts:#?}");
    told("никто их не подтвердил", &format!("{:?}", bench.world().view()));

    for n in 0..3 {
        let asked = bench.run(&["person", "export", "rost", "--email", &thief(n)]).await;
        assert_eq!((asked.code(), asked.out()), (Some(1), String::new()), "{n}");
        told("Only an unconfirmed report gave this number or address to c-gc-", &asked.err());
    }
    let known = export(&bench, 0).await;
    let waiting = known["clients"][0]["unconfirmed"].to_string();
    told(&thief(0), &waiting);
    told("Asia/Vladivostok", &waiting);
    assert_eq!(known["clients"][0]["zone"], "Asia/Omsk");
    assert_eq!(known["clients"][0]["emails"], serde_json::json!([email(0)]));
    assert_eq!(known["clients"][0]["gc_user"], serde_json::json!(user));
    let chosen = known["clients"][0]["id"].as_str().expect("an id").to_owned();
    let erased =
        bench.run(&["person", "erase", "rost", "--email", &thief(0), "--client", &chosen, "--yes"]).await;
    told("Erased in rost: 1 client record(s)", &erased.out());
    assert!(!everything(&*bench.store().await).await.contains(&thief(0)), "its requests, too");
    assert_eq!(bridge.terminate().await, Some(0));
}

/// F104: with the keys, a forged end or sum is read in GetCourse first, and loses nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_end_or_sum_changes_no_lead() {
    let bench = bench(StoreKind::Embedded).await;
    let bridge = bench.start().await;
    tell(&bench, 0).await;
    everything_stands(&bench, 1).await;
    bridge.settled().await;
    let lead = || bench.world().leads().map(|lead| (lead.status_id, lead.price)).collect::<Vec<_>>();
    let before = lead();
    let own = FIRST.to_string();
    for fields in [[("status", "Отменен"), ("cost", "38500")], [("status", "Новый"), ("cost", "1")]]
    {
        let fields = [("order_id", own.as_str())].into_iter().chain(fields).collect::<Vec<_>>();
        let url = format!("{}?{}", bench.hook("getcourse", "order-status"), form(&fields));
        assert_eq!(send("GET", &url, "", "").await.expect("an answer").status, 200, "{url}");
        bridge.settled().await;
    }
    let kept = export(&bench, 0).await;
    let journal = kept["orders"][0]["journal"].to_string();
    told("Сообщают об отмене заказа", &journal);
    told("Сообщают о другой сумме", &journal);
    assert_eq!(lead(), before);
    assert_eq!(bridge.terminate().await, Some(0));
}

/// Q4: a number alone made an order a client's. It is told, and undone by a command.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_a_number_joined_is_set_apart_by_a_command() {
    let bench = bench(StoreKind::Embedded).await;
    let bridge = bench.start().await;
    // One number, and offers of their own: no doubles.
    let url_of = |order: i64| {
        let url = order_url(&bench, order).replace(&phone(order)[1..], &phone(0)[1..]);
        url.replace("offers=5512874", &format!("offers={}", 5_512_874 + order))
    };
    for order in [0, 1] {
        let url = url_of(order);
        assert_eq!(send("GET", &url, "", "").await.expect("an answer").status, 200);
        everything_stands(&bench, order + 1).await;
        bridge.settled().await;
    }
    let (client, other) = (email(0), email(1));
    let contacts = || bench.world().contacts().map(|one| format!("{one:?}")).collect::<Vec<String>>();
    assert_eq!(contacts().len(), 1, "one client: {:#?}", contacts());
    let notes = format!("{:?}", bench.world().view());
    told("совпало правило «телефон»", &notes);
    let kept = export(&bench, 0).await;
    let order = kept["clients"][0]["joined"].as_object().expect("the joined order").keys().next().cloned();
    let order = order.expect("one");
    told(&format!("dozvon person split rost --order {order}"), &notes);

    let split = async |args: &[&str]| bench.run(&[&["person", "split", "rost"], args].concat()).await;
    told(&format!("{order}: joined by phone"), &split(&["--phone", &phone(0)]).await.out());
    let letters = bench.world().letters().len();
    let done = split(&["--order", &order]).await;
    assert_eq!(done.code(), Some(0), "{}", done.err());
    told("its client is c-gc-", &done.out());
    bridge.settled().await;
    until("a contact of its own", async || (contacts().len() == 2).then_some(())).await;
    bridge.settled().await;

    assert_eq!(bench.world().letters().len(), letters, "nothing is sent again");
    assert_eq!(bench.world().leads().count(), 2, "nor made again");
    let of_lead: Vec<_> = bench.world().leads().map(|lead| lead.contacts.clone()).collect();
    assert!(of_lead.iter().all(|one| one.len() == 1) && of_lead[0] != of_lead[1], "{of_lead:?}");
    // Requests of before still name both.
    let by = async |email: &str| {
        let kept = bench.run(&["person", "export", "rost", "--email", email]).await.out();
        let kept: serde_json::Value = serde_json::from_str(&kept).expect("JSON");
        (kept["clients"].to_string(), kept["orders"].as_array().map_or(0, Vec::len))
    };
    let (his, theirs) = (by(&client).await, by(&other).await);
    assert!(!his.0.contains(&other) && !theirs.0.contains(&client), "{his:?}\n{theirs:?}");
    assert_eq!((his.1, theirs.1), (1, 1));
    let again = split(&["--order", &order]).await;
    assert_eq!(again.code(), Some(1));
    told("nothing to undo", &again.err());

    // The same report once more, and a third order with the number: nobody is joined again.
    for order in [1, 2] {
        let url = url_of(order).replace("cost=38500", "cost=38501");
        assert_eq!(send("GET", &url, "", "").await.expect("an answer").status, 200);
    }
    everything_stands(&bench, 3).await;
    bridge.settled().await;
    let his = by(&client).await;
    assert!(!his.0.contains(&other) && !his.0.contains(&email(2)), "{his:?}");
    assert_eq!((his.1, by(&other).await.1), (1, 1));
    assert_eq!(bridge.terminate().await, Some(0));
}

fn told(part: &str, said: &str) {
    assert!(said.contains(part), "{part}: {said}");
}

/// Counted first, erased only when asked for, said afterwards.
async fn told_before_and_after(bench: &TestBed) {
    let looked = bench.run(&["person", "erase", "rost", "--phone", &phone(0), "--dry-run"]).await;
    assert_eq!(looked.code(), Some(0), "{}", looked.err());
    told("Would be erased in rost: 1 client record(s), 1 order(s)", &looked.out());
    let unasked = bench.run(&["person", "erase", "rost", "--phone", &phone(0)]).await;
    assert_eq!(unasked.code(), Some(1), "{}", unasked.out());
    told("--yes", &unasked.err());
    assert_eq!(export(bench, 0).await["clients"].as_array().map(Vec::len), Some(1), "nothing is erased");
    let erased = bench.run(&["person", "erase", "rost", "--phone", &phone(0), "--yes"]).await;
    assert_eq!(erased.code(), Some(0), "{}", erased.err());
    told("Erased in rost: 1 client record(s), 1 order(s)", &erased.out());
    let again = bench.run(&["person", "erase", "rost", "--phone", &phone(0), "--yes"]).await;
    told("Nothing is stored", &again.out());
}

/// Nobody serves the school: it is said, and done later.
async fn waits_for_an_owner(bench: &TestBed) {
    let email = email(1);
    let waits = bench.run(&["person", "erase", "rost", "--email", &email, "--yes", "--wait", "0"]).await;
    assert_eq!(waits.code(), Some(3), "{}", waits.err());
    told("Not erased yet: no bridge owns rost now", &waits.err());
    // An owner that is busy with what came before.
    let (store, fence) = bench.owner().await;
    let waits = bench.run(&["person", "erase", "rost", "--email", &email, "--yes", "--wait", "0"]).await;
    assert_eq!(waits.code(), Some(3), "{}", waits.err());
    told("Not erased yet: the bridge that owns rost runs", &waits.err());
    store.release(&rost(), &fence).await.expect("the store answers");
    let bridge = bench.start().await;
    until("the erasure that waited", async || {
        export(bench, 1).await["clients"].as_array().is_some_and(Vec::is_empty).then_some(())
    })
    .await;
    assert_eq!(bridge.terminate().await, Some(0));
}

async fn export(bench: &TestBed, order: i64) -> serde_json::Value {
    let done =
        bench.run(&["person", "export", "rost", "--email", &email(order), "--phone", &phone(order)]).await;
    assert_eq!(done.code(), Some(0), "{}", done.err());
    serde_json::from_str(&done.out()).expect("JSON")
}

/// All records and stored requests as one text.
async fn everything(store: &dyn Store) -> String {
    let records = store.scan(&rost(), "", None, 1_000).await.expect("the store answers");
    let requests = store.raws(&rost(), None, 1_000).await.expect("the store answers");
    let bodies =
        records.into_iter().map(|(_, record)| record.body).chain(requests.into_iter().map(|(_, raw)| raw));
    bodies.map(|body| String::from_utf8_lossy(&body).into_owned()).collect()
}
