#!/usr/bin/env python3
"""Plays days for `deploy/faults.sh`: moves the driven clock of the bridge and the clock file of the stand-ins.

`days.py BED PLATFORM DAYS`: PLATFORM is away from now on, for so many days; clients order and pay each day.
Time flows as it does, and jumps to what is due next whenever the bridge is quiet, half an hour at most.
Then the platform is back, and hours pass until nothing is missing.
"""
import datetime
import json
import pathlib
import sys
import time
import urllib.request

import look

LINES = ("mango", "sipuni", "telphin", "zadarma")
STEP, AWAY = 1800, 600
# The longest that the work may take after the return, hours of driven time, and all of it, real seconds.
HOURS_AFTER, REAL_MAX = 12, 400


class Play:
    def __init__(self, folder, platform):
        self.bed = look.Bed(folder)
        self.folder, self.platform = pathlib.Path(folder), platform
        self.start, self.began, self.offset = float(self.bed.said["start"]), time.time(), 0
        self.door = f"http://127.0.0.1:{self.bed.said['bridge']}/driven/{self.bed.said['token']}"
        self.sandbox = f"http://127.0.0.1:{self.bed.said['getcourse']}/sandbox"
        self.turns = -1

    def now(self):
        return time.time() + self.offset

    def passed(self):
        return self.now() - self.start

    def post(self, url, body=b"", kind="application/x-www-form-urlencoded"):
        request = urllib.request.Request(url, data=body, headers={"Content-Type": kind}, method="POST")
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.read()

    def move(self):
        """Brings both clocks to now; the stand-ins first, and a request wakes their driver."""
        new = self.folder / "clock.new"
        new.write_text(f"+{self.offset}\n")
        new.rename(self.folder / "clock.sandbox")
        look.get(f"{self.sandbox}/orders", 20)
        to = datetime.datetime.fromtimestamp(self.now(), datetime.timezone.utc).isoformat()
        self.post(self.door, json.dumps({"to": to}).encode(), "application/json")

    def turn(self, limit, step=0):
        """A little real time; a jump towards `limit` (seconds since the start) if nothing happens: to what is due
        next, or `step` seconds where attempts in vain would be due every few seconds."""
        self.move()
        time.sleep(0.03)
        said = json.loads(look.get(self.door, 20)[1])
        is_still = said["quiet"] and said["turns"] == self.turns
        self.turns = said["turns"]
        if is_still:
            due = datetime.datetime.fromisoformat(said["next_due"]).timestamp() if said["next_due"] else 9e12
            jump = min(step or due - self.now(), STEP, self.start + limit - self.now())
            self.offset += max(int(jump) + 1, 0) if jump > 0 else 0
        if time.time() - self.began > REAL_MAX:
            raise SystemExit(f"the days take longer than {REAL_MAX} s; driven time {self.passed() / 3600:.1f} h; {said}")

    def until(self, seconds, step=0):
        while self.passed() < seconds:
            self.turn(seconds + 1, step)

    def order(self):
        order = json.loads(self.post(f"{self.sandbox}/orders"))["id"]
        with open(self.folder / "orders", "a", encoding="utf-8") as out:
            out.write(f"{order}\n")
        return order

    def pay(self, order):
        self.post(f"{self.sandbox}/orders/{order}/pay")
        with open(self.folder / "paid", "a", encoding="utf-8") as out:
            out.write(f"{order}\n")

    def proxy(self, how):
        (self.folder / "proxy").write_text(f"{self.platform} {how} {time.time()}\n")
        time.sleep(0.2)

    def call(self, order):
        world = self.bed.world()
        user = next(one["user_id"] for one in world["orders"] if one["id"] == order)
        phone = next(one["phone"] for one in world["users"] if one["id"] == user)
        lead = next(one for one in world["leads"] if any(v["value"] == self.number(world, order) for v in one["fields"].get(look.NUMBER, [])))
        extension = {10412345: "101", 10412346: "102", 10412347: "103"}[lead["responsible_user_id"]]
        self.post(f"{self.sandbox}/calls", f"client={phone.lstrip('+')}&outcome=no_answer&extension={extension}".encode())

    @staticmethod
    def number(world, order):
        return next(one["number"] for one in world["orders"] if one["id"] == order)


def main(folder, platform, days):
    play, days = Play(folder, platform), int(days)
    waiting = [play.order() for _ in range(3)]
    play.until(3600)
    if platform in LINES:
        # One that is told, and one in the outage that only the statistics know.
        play.call(waiting[1])
    play.until(7200)
    play.proxy("off")
    play.start_of_outage = play.passed()
    for day in range(days):
        for hour in (1, 9):
            play.until(play.start_of_outage + day * 86400 + hour * 3600, AWAY)
            waiting.append(play.order())
        if platform in LINES and day == 0:
            play.call(waiting[2])
        play.until(play.start_of_outage + day * 86400 + 12 * 3600, AWAY)
        play.pay(waiting.pop(0))
    play.until(play.start_of_outage + days * 86400 + 60, AWAY)
    play.proxy("on")
    back, end = play.passed(), play.passed() + HOURS_AFTER * 3600
    while True:
        outcome = play.bed.outcome()
        if not outcome["lost"]:
            break
        if play.passed() > end:
            raise SystemExit(f"{HOURS_AFTER} h after the return something is missing: {outcome['lost'][:4]}")
        for _ in range(8):
            play.turn(end + 1)
    (play.folder / "went_on").write_text(f"{play.passed() - back:.0f} driven")
    # A day more, for what would come twice.
    play.until(play.passed() + 3600)
    sys.exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
