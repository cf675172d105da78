#!/usr/bin/env python3
"""Looks at the stand-ins and the bridge for `deploy/faults.sh`: what is lost, what is doubled, is it well.

Never changes anything in the bridge's store; `retell` repeats webhooks as a person in GetCourse can.
Commands: ports · outcome · wait · health · retell. A bed is the folder of one played fault.
"""
import collections
import json
import pathlib
import random
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

# Of deploy/sandbox.toml and deploy/example.
SALES, LEARNING, WON, NUMBER, CALL = 8123410, 8123411, 142, "901337", 1
SECRET = "example-url-secret-0001"


def get(url, timeout=5.0):
    with urllib.request.urlopen(url, timeout=timeout) as answer:
        return answer.status, answer.read()


def ports(count):
    """The first of so many free ports in a row, a multiple of them, below those that the kernel gives out."""
    while True:
        first, held = random.randrange(20000, 32000 - count, count), []
        try:
            for port in range(first, first + count):
                one = socket.socket()
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                one.bind(("127.0.0.1", port))
                held.append(one)
            return first
        except OSError:
            continue
        finally:
            for one in held:
                one.close()


def plain(text):
    return re.sub(r"\s*(\[[^\s\[\]]+\]|·\S+)\s*$", "", text)[:80].replace("\n", " ")


class Bed:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        said = (line.split("=", 1) for line in (self.folder / "bed").read_text().split())
        self.said = dict(said)

    def ids(self, name):
        path = self.folder / name
        return [int(line) for line in path.read_text().split()] if path.exists() else []

    def world(self):
        return json.loads(get(f"http://127.0.0.1:{self.said['getcourse']}/sandbox", 20)[1])

    def for_a_person(self):
        """Orders that a dead letter of the bridge names; asked only if something is missing."""
        command = ["bash", str(self.folder / "dead"), "list", "rost", "--max", "1000"]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False).stdout

    def outcome(self):
        """What is lost and what is doubled, each as a list of words, and what was left to a person."""
        world, lost, doubled, letters_due = self.world(), [], set(), []
        (self.folder / "world.json").write_text(json.dumps(world, ensure_ascii=False, indent=1))
        orders = {order["id"]: order for order in world["orders"]}
        mails = {user["id"]: user["email"] for user in world["users"]}
        is_long = self.said.get("long") == "yes"
        leads, tasks = collections.defaultdict(list), collections.defaultdict(list)
        for lead in world["leads"]:
            if not lead["is_deleted"]:
                for value in lead["fields"].get(NUMBER, []):
                    leads[value["value"], lead["first_pipeline_id"]].append(lead)
        for task in world["tasks"]:
            if task["entity"] and task["entity"][0] == "leads":
                tasks[task["entity"][1]].append(task)
        letters = collections.Counter((letter["to"], letter["subject"]) for letter in world["letters"])
        received = collections.Counter(letter["to"] for letter in world["letters"])
        paid = set(self.ids("paid"))
        for order in self.ids("orders"):
            number, mail = orders[order]["number"], mails[orders[order]["user_id"]]
            sales = leads[number, SALES]
            if not sales:
                lost.append(f"{order} has no lead")
                continue
            if len(sales) > 1:
                doubled.add(("lead", number))
            calls = [task for lead in sales for task in tasks[lead["id"]] if task["task_type_id"] == CALL]
            # In days a call task becomes another one.
            mine = [task for lead in sales for task in tasks[lead["id"]]] if is_long else calls
            still = [task for task in mine if not task["is_completed"]]
            # A hand-over is of the same type, and asks for something else.
            asked = collections.Counter(task["text"].split("\n")[0] for task in calls)
            if not is_long:
                doubled.update(("call task", f"{number}: {title}") for title, many in asked.items() if many > 1)
            if order in paid:
                if sales[0]["status_id"] != WON:
                    lost.append(f"{order} is paid and not won")
                if not leads[number, LEARNING]:
                    lost.append(f"{order} is paid and has no lead for learning")
                if len(leads[number, LEARNING]) > 1:
                    doubled.add(("lead for learning", number))
                if still:
                    lost.append(f"{order} is paid and has an open task")
            elif not still:
                lost.append(f"{order} has no open call task")
            if received[mail] < (2 if order in paid else 1):
                letters_due.append(order)
        person = 0
        if letters_due:
            dead = self.for_a_person()
            for order in letters_due:
                if f"gc-{order}" in dead:
                    person += 1
                else:
                    lost.append(f"{order} has {'a letter' if order in paid else 'its letter'} missing")
        if not is_long:
            doubled.update(("letter", f"{to}: {subject}") for (to, subject), many in letters.items() if many > 1)
        # The sandbox's own finding: the same mark of the bridge twice, letters of one day and text.
        own = ("lead",) if is_long else ("lead", "comment", "note", "letter")
        for twin in world["duplicates"]:
            if twin["kind"] not in own:
                doubled.add((twin["kind"], twin["key"][:80].replace("\n", " ")))
        if not is_long:
            doubled.update(self.twins(world))
        return {"lost": lost, "doubled": sorted(" ".join(pair) for pair in doubled), "person": person}

    @staticmethod
    def twins(world):
        """Comments and notes that say the same, whatever mark of the bridge stands at their end."""
        said = collections.Counter()
        for order in world["orders"]:
            said.update(("comment", f"{order['id']}: {plain(one['text'])}") for one in order["comments"])
        for note in world["notes"]:
            text = note["params"].get("uniq") or note["params"].get("text")
            if text:
                said[("note", f"{'/'.join(map(str, note['entity']))}: {plain(text)}")] += 1
        return [pair for pair, many in said.items() if many > 1]

    def wait(self, seconds):
        """Until nothing is missing."""
        end = time.time() + seconds
        while True:
            outcome = self.outcome()
            if not outcome["lost"] or time.time() > end:
                return outcome
            time.sleep(0.05)

    def health(self):
        """Writes each change of what the bridge says about itself: time, status, well, and its troubles."""
        bridge, before = f"http://127.0.0.1:{self.said['operation']}", None
        path = "/readyz"
        with open(self.folder / "health", "a", encoding="utf-8") as out:
            while True:
                try:
                    status, body = get(bridge + path, 3)
                except urllib.error.HTTPError as error:
                    if error.code == 404 and path == "/readyz":
                        path = "/health"
                        continue
                    status, body = error.code, error.read()
                except OSError:
                    status, body = 0, b""
                try:
                    body = json.loads(body)
                    well = body.get("well", status == 200) is True and status == 200
                    why = ",".join(f"{one['id']}({one['detail']})" for one in body.get("troubles", []))
                except (ValueError, AttributeError):
                    well, why = status == 200, "no answer"
                said = f"{status} {'well' if well else 'ill'} {why}".rstrip()
                if said != before:
                    before = said
                    out.write(f"{time.time():.3f} {said}\n")
                    out.flush()
                time.sleep(0.02)

    def retell(self):
        """Repeats the webhooks of all orders, as the button of GetCourse's process does."""
        world = self.world()
        users = {user["id"]: user for user in world["users"]}
        paid = set(self.ids("paid"))
        mine = set(self.ids("orders"))
        for order in (order for order in world["orders"] if order["id"] in mine):
            user = users[order["user_id"]]
            cost, payed = order["cost"] // 100, order["payed"] // 100
            told = {
                "order_id": order["id"], "number": order["number"], "user_id": order["user_id"],
                "first_name": user.get("first_name", ""), "email": user["email"], "phone": user.get("phone", ""),
                "positions": order["title"], "offers": order["offer_id"], "cost": cost, "left": cost - payed,
                "payed": payed, "status": "Завершен" if order["id"] in paid else "Новый",
            }
            for event in ["order-created"] + ["payment-full"] * (order["id"] in paid):
                query = urllib.parse.urlencode(told)
                get(f"http://127.0.0.1:{self.said['bridge']}/hooks/rost/getcourse/{SECRET}/{event}?{query}")


def main(command, *rest):
    if command == "ports":
        print(ports(int(rest[0])))
        return 0
    bed = Bed(rest[0])
    if command in ("outcome", "wait"):
        outcome = bed.wait(float(rest[1]) if command == "wait" else 0.0)
        (bed.folder / "outcome").write_text(json.dumps(outcome, ensure_ascii=False, indent=1) + "\n")
        return 1 if outcome["lost"] else 0
    getattr(bed, command)()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
