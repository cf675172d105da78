"""aioamocrm: everything that its resources do with leads, contacts, companies, tasks and notes."""

import asyncio
import http.server
import os
import threading
import time

from aioamocrm import AmoCRMClient, Contact, Embedded, Lead, LongLivedToken, Note, Task, parse_webhook
from tried import expect, tried

SALES, NEW, IN_WORK = 8123410, 66104106, 66104107


async def main():
    token = os.environ["AMO_TOKEN"]
    async with AmoCRMClient(subdomain="rost", auth=LongLivedToken(token), rate_limit=5) as amo:
        await steps(amo)


async def attempt(what, call, theirs=None):
    """`tried` for a coroutine."""
    try:
        seen, error = await call(), None
    except Exception as failure:
        seen, error = None, failure

    def outcome():
        if error:
            raise error
        return seen

    return tried(what, outcome, theirs)


async def steps(amo):
    made = {}

    async def account():
        seen = await amo.account.get(with_=["task_types", "users_groups"])
        expect(seen.id == 31877554, f"account {seen.id}")

    async def people():
        users = [user async for user in amo.users.iterate()]
        expect(len(users) >= 3, f"{len(users)} users")
        await amo.users.get(users[0].id)

    async def pipelines():
        expect(any(one.id == SALES for one in await amo.pipelines.list()), "no pipeline of sales")
        expect((await amo.pipelines.get(SALES)).status(NEW), "no first stage")
        expect(len(await amo.pipelines.statuses(SALES)) > 3, "no stages")

    async def fields():
        found = [field async for field in amo.leads.custom_fields.iterate()]
        expect(any(field.id == 901337 for field in found), "the order's field is missing")
        await amo.leads.custom_fields.get(901337)

    async def leads():
        refs = await amo.leads.create([Lead(name="Первая", price=100, pipeline_id=SALES), Lead(name="Вторая")])
        made["leads"] = [ref.id for ref in refs]
        await amo.leads.update([Lead(id=refs[0].id, status_id=IN_WORK), Lead(id=refs[1].id, price=7)])
        seen = await amo.leads.get(refs[0].id, with_=["contacts"])
        expect((seen.status_id, seen.price) == (IN_WORK, 100), f"{seen.status_id}, {seen.price}")

    async def moments():
        [ref] = await amo.leads.create([Lead(name="Старая", created_at=1700000000)])
        seen = await amo.leads.get(ref.id)
        expect(seen.created_at == 1700000000, f"created_at {seen.created_at}")

    async def complex_lead():
        lead = Lead(name="Сложная", price=5, embedded=Embedded(contacts=[Contact(first_name="Мария")]))
        lead.embedded.contacts[0].set_field("PHONE", "+79035550140", enum_code="WORK")
        body = {**lead.to_api(), "_embedded": {**lead.to_api()["_embedded"], "companies": [{"name": "ООО «Ромашка»"}],
                "tags": [{"name": "сложный"}]}}
        [result] = await amo.leads.create_complex([body])
        expect(result.contact_id, "no contact")
        expect(result.company_id, "the company is not made")
        seen = await amo.leads.get(result.id, with_=["contacts"])
        expect([tag.name for tag in seen.embedded.tags] == ["сложный"], f"tags {seen.embedded.tags}")
        expect(seen.embedded.companies, "the company is not linked")

    async def contacts():
        contact = Contact(name="Пётр Седов")
        contact.set_field("PHONE", "+79035550141", enum_code="WORK")
        [ref] = await amo.contacts.create([contact])
        made["contact"] = ref.id
        await amo.contacts.update([Contact(id=ref.id, first_name="Пётр")])
        found = await amo.contacts.get_page(query="79035550141")
        expect([one.id for one in found.items] == [ref.id], f"found {len(found.items)}")

    async def links():
        lead, contact = made["leads"][0], made["contact"]
        await amo.leads.link(lead, "contacts", contact, metadata={"is_main": True})
        expect(any(link.to_entity_id == contact for link in await amo.leads.links(lead)), "not linked")
        await amo.leads.unlink(lead, "contacts", contact)
        expect(not await amo.leads.links(lead, filter={"to_entity_type": "contacts"}), "still linked")

    async def tasks():
        soon = int(time.time()) + 3600
        lead = made["leads"][0]
        task = Task(text="Позвонить", complete_till=soon, entity_id=lead, entity_type="leads", task_type_id=1)
        refs = await amo.tasks.create([task, {**task.to_api(), "text": "Ещё"}])
        await amo.tasks.update([{"id": refs[0].id, "text": "Перезвонить"}])
        await amo.tasks.complete(refs[0].id, result="дозвонились")
        seen = await amo.tasks.get(refs[0].id)
        expect(seen.is_completed and seen.result.text == "дозвонились", "not completed with its result")
        mine = {"entity_type": "leads", "entity_id": [lead]}
        open_ones = await amo.tasks.get_page(filter={**mine, "is_completed": 0})
        expect([one.id for one in open_ones.items] == [refs[1].id], f"open: {len(open_ones.items)}")
        # The form in the documentation's own example.
        done = await amo.tasks.get_page(filter={**mine, "is_completed": [1]})
        expect([one.id for one in done.items] == [refs[0].id], f"is_completed[]=1: {len(done.items)}")

    async def notes():
        lead = made["leads"][0]
        [ref] = await amo.leads.notes.create([Note.common(lead, "после 18:00")])
        seen = await amo.leads.notes.get(ref.id, entity_id=lead)
        expect(seen.text == "после 18:00", seen.text)
        page = await amo.leads.notes.get_page(filter={"note_type": "common"}, order={"id": "desc"})
        expect(page.items[0].id == ref.id, "the newest note is not first")
        [of_contact] = await amo.contacts.notes.create([Note.common(made["contact"], "хороший клиент")])
        await amo.contacts.notes.get(of_contact.id, entity_id=made["contact"])

    async def companies():
        [ref] = await amo.companies.create([{"name": "ООО «Лютик»"}])
        await amo.companies.update([{"id": ref.id, "name": "ООО «Василёк»"}])
        expect((await amo.companies.get(ref.id)).name == "ООО «Василёк»", "the name is not changed")

    async def filters():
        first, second = made["leads"]
        found = [one.id async for one in amo.leads.iterate(filter={"id": [first, second]}, limit=1)]
        expect(sorted(found) == sorted(made["leads"]), f"two ids by pages of one: {len(found)}")
        found = [one.id async for one in amo.leads.iterate(filter={"price": {"from": 100, "to": 100}})]
        expect(found == [first], f"by price: {len(found)}")
        state = {"statuses": [{"pipeline_id": SALES, "status_id": IN_WORK}]}
        expect([one.id async for one in amo.leads.iterate(filter=state)] == [first], "by stage")

    async def raw(path, **params):
        return await amo.request("GET", path, params=params)

    async def events():
        seen = await raw("events", filter={"type": ["lead_added"]})
        event = seen["_embedded"]["events"][0]
        expect((await raw(f"events/{event['id']}"))["id"] == event["id"], "events/{id}")
        expect((await raw("events/types"))["_embedded"]["events_types"], "events/types is empty")

    async def hooks():
        """The stand-in's webhooks, as this client reads them."""
        heard = []

        class Ear(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                heard.append(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        ear = http.server.HTTPServer(("127.0.0.1", 9000), Ear)
        threading.Thread(target=ear.serve_forever, daemon=True).start()
        hook = {"destination": "http://127.0.0.1:9000/", "settings": ["add_lead", "note_lead", "add_contact"]}
        await amo.request("POST", "webhooks", json=hook)
        seen = await raw("webhooks", filter={"destination": hook["destination"]})
        expect(len(seen["_embedded"]["webhooks"]) == 1, "not subscribed")
        [lead] = await amo.leads.create([Lead(name="Для вебхука", price=9)])
        await amo.leads.notes.create([Note.common(lead.id, "заметка & знак")])
        contact = Contact(name="Для вебхука")
        contact.set_field("PHONE", "+79035550142", enum_code="WORK")
        await amo.contacts.create([contact])
        for _ in range(100):
            events = [event for body in heard for event in parse_webhook(body).events]
            if len(events) >= 3:
                break
            await asyncio.sleep(0.1)
        kinds = {(event.entity, event.action): event for event in events}
        expect(all(parse_webhook(body).account_id == 31877554 for body in heard), "another account")
        expect(kinds["leads", "add"].id == lead.id, f"{sorted(kinds)}")
        expect(kinds["leads", "note"].payload["note"]["text"] == "заметка & знак", "another note")
        expect(kinds["contacts", "add"].field_value("PHONE") == "+79035550142", "another phone")
        await amo.request("DELETE", "webhooks", json={"destination": hook["destination"]})
        expect(not await raw("webhooks", filter={"destination": hook["destination"]}), "still subscribed")
        ear.shutdown()

    for what, call in [
        ("account", account), ("users", people), ("pipelines and stages", pipelines), ("fields", fields),
        ("leads: create, update, get", leads), ("leads: moments of a create", moments),
        ("leads/complex with contact, company, tags", complex_lead), ("contacts: create, update, query", contacts),
        ("links", links), ("tasks: create, update, complete, filters", tasks), ("notes", notes),
        ("companies", companies), ("filters of leads, page by page", filters),
        ("events: list, one, types", events), ("webhooks: subscribe, receive, unsubscribe", hooks),
    ]:
        await attempt(what, call)


asyncio.run(main())
