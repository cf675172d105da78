"""amochka: its client's reads, writes and iterators."""

import logging
import os
import time

from amochka import AmoCRMClient, CacheConfig
from tried import expect, tried

os.environ.update(AMOCRM_ACCESS_TOKEN=os.environ["AMO_TOKEN"], AMOCRM_EXPIRES_AT=str(time.time() + 3600))
amo = AmoCRMClient("https://rost.amocrm.ru", cache_config=CacheConfig.disabled(), log_level=logging.CRITICAL, rate_limit=5)
made = {}
began = int(time.time()) - 60


def account():
    expect(amo.get_account(with_="task_types")["id"] == 31877554, "another account")
    expect(any(one["id"] == 1 for one in amo.get_task_types()), "no type «call»")
    expect(len(amo.fetch_users()) >= 3, "too few users")
    expect(any(one["id"] == 8123410 for one in amo.fetch_pipelines()), "no pipeline of sales")
    expect(any(one["id"] == 8123410 for one in amo.get_pipelines()), "no pipeline of sales")
    expect(amo.find_custom_field_id("Номер заказа")[0] == 901337, "the order's field")


def leads():
    lead = amo.create_lead({"name": "Заявка", "price": 500, "901337": "12041"})
    made["lead"] = lead["id"]
    amo.update_lead(lead["id"], {"price": 600}, tags_to_add=["новый"])
    deal = amo.get_deal_by_id(lead["id"])
    expect(deal["price"] == 600, f"price {deal['price']}")
    expect(deal["Номер заказа"] == "12041", f"number {deal['Номер заказа']}")
    amo.update_lead(lead["id"], {}, tags_to_delete=["новый"])
    expect(not amo.get_deal_by_id(lead["id"])["_embedded"]["tags"], "the tag stays")
    expect(len(amo.create_leads([{"name": "Раз"}, {"name": "Два"}])) == 2, "two at once")


def contacts():
    phone = {"field_code": "PHONE", "values": [{"value": "+79035550150", "enum_code": "WORK"}]}
    made["contact"] = amo.create_contact({"name": "Олег", "custom_fields_values": [phone]})["id"]
    expect(amo.get_contact_by_id(made["contact"])["name"] == "Олег", "another name")
    time.sleep(1.5)
    found = amo.fetch_contacts(query="+7 (903) 555-01-50")
    expect([one["id"] for one in found] == [made["contact"]], f"by phone: {len(found)}")
    amo.link_entity("lead", made["lead"], made["contact"], "contacts")
    expect(amo.get_entity_links("lead", made["lead"]), "not linked")
    [seen] = [one for one in amo.fetch_leads(include_contacts=True) if one["id"] == made["lead"]]
    expect(seen["_embedded"]["contacts"][0]["id"] == made["contact"], "the lead lacks its contact")


def notes():
    made["note"] = amo.add_entity_note("lead", made["lead"], "common", {"text": "после шести"})["id"]
    expect(amo.get_deal_note(made["lead"], made["note"])["params"]["text"] == "после шести", "another text")
    expect(len(amo.get_deal_notes(made["lead"], note_type="common")) == 1, "the lead's notes")
    amo.add_entity_note("contact", made["contact"], "common", {"text": "клиент"})
    expect(len(amo.get_contact_notes(made["contact"])) >= 1, "the contact's notes")
    found = amo.fetch_notes(entity="lead", entity_ids=made["lead"], note_type="common", updated_from=began)
    expect([one["id"] for one in found] == [made["note"]], f"by filters: {len(found)}")


def tasks():
    tasks = [{"text": "Позвонить", "complete_till": began + 9000, "entity_type": "leads", "entity_id": made["lead"]}]
    made["task"] = amo._make_request("POST", "/api/v4/tasks", data=tasks)["_embedded"]["tasks"][0]["id"]
    expect(amo.get_task(made["task"])["text"] == "Позвонить", "another text")
    for filters in ({"entity_ids": made["lead"]}, {"entity_ids": [made["lead"], 1]}, {"task_type_id": [1]}):
        found = amo.fetch_tasks(entity_type="leads", updated_from=began, **filters)
        expect(made["task"] in [one["id"] for one in found], f"not found by {sorted(filters)}")
    expect(not amo.fetch_tasks(entity_type="leads", entity_ids=made["lead"], updated_to=began - 9000), "by updated_to")


def filters():
    found = [one["id"] for one in amo.iter_leads(pipeline_ids=[8123410], updated_from=began, limit=1)]
    expect(made["lead"] in found, "by pipeline and time")
    expect(not list(amo.iter_leads(pipeline_ids=8123412)), "leads of another pipeline")
    found = amo.fetch_contacts(contact_ids=[made["contact"], 1])
    expect([one["id"] for one in found] == [made["contact"]], f"by ids: {len(found)}")


def events():
    seen = amo.fetch_events(entity="lead", entity_ids=made["lead"], event_type="lead_added", created_from=began)
    expect(len(seen) == 1, f"{len(seen)} of one lead and type")
    expect(amo.get_event(seen[0]["id"])["id"] == seen[0]["id"], "one event")
    expect(len(amo.get_deal_events(made["lead"])) >= 1, "the lead's events")
    expect(not amo.fetch_events(entity="lead", created_to=began - 9000), "by created_to")


def bots():
    amo.run_bot(1, made["lead"])


for what, call in [
    ("account, users, pipelines, fields", account), ("leads: create, update, tags", leads),
    ("contacts: create, query, link", contacts), ("notes: create, get, filters", notes),
    ("tasks: get, filters", tasks), ("filters of leads and contacts", filters),
    ("events: filters, one", events),
]:
    tried(what, call)
# The method of API v4 is documented for Kommo only.
tried("salesbot run (v4)", bots, theirs="/api/v4/bots/1/run")
