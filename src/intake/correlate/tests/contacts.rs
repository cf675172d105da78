//! What a told contact may do before it is read, and what it does when it was.

use super::*;

/// F104: a forged contact sends nobody to another person's card, and a forged deletion makes nobody twice.
#[tokio::test]
async fn a_contact_is_in_the_mirror_only_as_it_was_read() {
    let own = [(link::crm_contact(501), "c-1")];
    let mut known = Known::of(&[("gc-1", "c-1", true)], &own).await;
    let (anna, boris) = (format!("mirror-phone:{}", &ANNA[2..]), format!("mirror-phone:{}", &BORIS[2..]));
    let seen = |contact, keys: &[&String], second: i64, read| {
        let keys = keys.iter().map(|key| (*key).clone()).collect();
        let updated_at = noon().timestamp() + second;
        let card = Some(ContactCard { contact, keys, updated_at, responsible: None });
        Signal::ContactSeen { contact, facts: ClientFacts::default(), card, read }
    };
    async fn found(known: &Known, key: &str) -> Vec<u64> {
        link::contacts(known.book.link(key).await.expect("memory").as_deref())
    }
    for (contact, order, urgency) in [(501, "gc-1", Urgency::Hot), (900, "contact-900", Urgency::Backfill)] {
        let told = known.aims(seen(contact, &[&anna], 0, false)).await;
        let ask = told.ask.clone().expect("it is read first");
        assert_eq!((ask.order.to_string().as_str(), ask.urgency), (order, urgency));
        assert_eq!(ask.ask, Ask::ReadBack(ReadBack::Contact { contact }));
        assert!(told.index.is_empty() && told.aims.is_empty(), "{told:?}");
        assert!(!found(&known, &anna).await.contains(&contact));
        assert!(known.aims(seen(contact, &[&anna], 0, true)).await.ask.is_none(), "it was read");
        assert!(found(&known, &anna).await.contains(&contact));
    }
    for forged in [
        seen(501, &[], 1, false),
        seen(501, &[&anna, &boris], 1, false),
        Signal::ContactGone { contact: 501, read: false },
        Signal::ContactGone { contact: 900, read: false },
    ] {
        let told = known.aims(forged.clone()).await;
        assert!(told.ask.is_some() && told.index.is_empty(), "{forged:?}: {told:?}");
        assert_eq!((found(&known, &anna).await, found(&known, &boris).await), (vec![501, 900], vec![]));
    }
    for echo in [
        seen(501, &[&anna], 5, false),
        seen(900, &[], -60, false),
        Signal::ContactGone { contact: 77, read: false },
    ] {
        assert!(known.aims(echo).await.ask.is_none(), "no number and no address moves by it");
    }
    known.aims(seen(501, &[&anna], 86_400, false)).await;
    known.aims(seen(501, &[&boris], 60, true)).await;
    let gone = known.aims(Signal::ContactGone { contact: 900, read: true }).await;
    assert!(gone.ask.is_none());
    assert_eq!(
        (found(&known, &anna).await, found(&known, &boris).await),
        (vec![], vec![501]),
        "a day ahead hides nothing"
    );
}

/// The webhook of our own new contact may come before the receipt. Somebody else's word gets no further then, either.
#[tokio::test]
async fn a_contact_that_is_being_made_is_seen_and_not_read() {
    let pending = Pending::new(AskKind::SaveLead);
    let key = format!("mirror-phone:{}", &ANNA[2..]);
    let facts = ClientFacts { phone: phone(ANNA, None), ..ClientFacts::default() };
    let card = ContactCard { contact: 501, keys: vec![key.clone()], updated_at: 1, responsible: None };
    for (is_saved, contact, reads) in [(true, None, false), (false, None, true), (true, Some("77"), true)] {
        let contact = contact.map(|contact| (link::contact(&"c-1".into()), contact));
        let links: Vec<_> = [(link::phone(ANNA), "c-1")].into_iter().chain(contact.clone()).collect();
        let mut known = Known::of(&[("gc-1", "c-1", true)], &links).await;
        if is_saved {
            let mut record = known.book.order(&"gc-1".into()).await.expect("memory").expect("an order");
            record.unsent.insert(CommandId("gc-1.1".to_owned()), pending.clone());
            known.book.put_order(record);
        }
        let mut client = Client::new("c-1".into());
        client.phones.push(ANNA.to_owned());
        client.orders.insert("gc-1".into(), brief(true));
        known.book.put_client(client);
        let first = Some(card.clone());
        let first = Signal::ContactSeen { contact: 501, facts: facts.clone(), card: first, read: false };
        let told = known.aims(first).await;
        assert_eq!(told.ask.is_some(), reads, "{told:?}");
        assert_eq!(known.book.link(&key).await.expect("memory"), None, "the receipt puts it there");
        let seen = known.book.link(&link::mirror_contact(501)).await.expect("memory");
        assert_eq!(seen.is_some(), !reads);
        // A person may have made it: the save under way looks again.
        let own = known.book.link(&link::contact(&"c-1".into())).await.expect("memory");
        let expected = if reads { contact.as_ref().map(|(_, id)| *id) } else { Some(link::CONTACT_SEEN) };
        assert_eq!(own.as_deref(), expected);
        let card = Some(ContactCard { contact: 502, ..card.clone() });
        let next = Signal::ContactSeen { contact: 502, facts: facts.clone(), card, read: false };
        assert_eq!(known.aims(next).await.ask.is_some(), reads, "nor is a second one read");
    }
}
