"""Letters of the bridge through one real mail server: what arrives, and what the bridge makes of its refusals.

    mail.py SERVER FOLDER PROGRAM -- COMMAND…     COMMAND start|reload acts on the server
"""

import email
import email.policy
import json
import re
import shlex
import socket
import subprocess
import sys
import time
import urllib.error
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import stand
from tried import expect, log, tried

server, folder, program = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
command = sys.argv[5:]
copy = Path("root")
state, boxes = copy / "state", copy / "boxes"

CYRILLIC = "xn--e1afmkfd.xn--p1ai"  # пример.рф
SENDER = "order@xn--80atdl2c.xn--p1ai"  # школа.рф
GREY, NOBODY, RELAYED = "grey@example.ru", "nobody@example.ru", "client@elsewhere.example"
NEIGHBOUR = "p.orlov@example.ru"
KNOWN = ["m.kuznetsova@example.ru", f"client@{CYRILLIC}", GREY, RELAYED, NEIGHBOUR]
# The bridge tries again after six minutes; the server's own queue adds little.
LATER_S = 6 * 60 + 90

HEAD = "subject: {}\nowner: Ольга Лебедева\nreview: 2027-06\npurpose: transactional\n\n"
# Lines longer than the 998 bytes of RFC 5321, and what servers and mailboxes like to change. Nothing that the
# library of texts changes itself (it sets a no-break space behind «№»).
FIRST = (
    "Строка длиннее тысячи знаков: " + "дозвон «ёлочки» — " * 120 + "конец.\n\n"
    "From Москвы до Петербурга\n.\n..\n.точка в начале\n=3D =20 и =\n\tтабулятор\nСимволы: 👩‍🎓 ₽ ё"
)
LATER = "Line " + "x" * 2500 + " end.\n\nFrom here on\n.\n..\n.dot\n=20=3D\n--\nend"


def change(school):
    config = school / "school.toml"
    text = config.read_text().replace("port = 18025", "port = 2525")
    text = re.sub(r'(?m)^from = .*$', 'from = "Школа «Рост» <order@школа.рф>"', text)
    config.write_text(text)
    (school / "texts/application_received.txt").write_text(HEAD.format("Заявка принята") + FIRST + "\n")
    (school / "texts/payment_received.txt").write_text(HEAD.format("Оплата получена") + LATER + "\n")


def tables(domains, grey):
    state.joinpath("domains").write_text("".join(f"{domain}\n" for domain in domains))
    state.joinpath("boxes").write_text("".join(f"{box}\n" for box in KNOWN))
    state.joinpath("grey").write_text("".join(f"{address}\n" for address in grey))


def act(what):
    with (folder / "server.log").open("a") as out:
        subprocess.run([*command, what], check=True, stdout=out, stderr=out)


def letters(address):
    """Of one mailbox, each with its bytes as they lie there."""
    found = []
    for file in sorted((boxes / address).glob("new/*")):
        letter = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
        letter.raw = file.read_bytes()
        found.append(letter)
    return found


def body(letter):
    return letter.get_content().replace("\r\n", "\n")


def one(address, subject):
    found = [letter for letter in letters(address) if letter["subject"] == subject]
    return found[0] if found else None


def arrives(address, subject="Заявка принята", seconds=30):
    return stand.wait(lambda: one(address, subject), f"«{subject}» in the mailbox", seconds)


def is_whole(letter, text):
    seen = body(letter).removesuffix("\n")
    if seen != text:
        at = next((i for i, (a, b) in enumerate(zip(seen, text)) if a != b), min(len(seen), len(text)))
        raise AssertionError(f"differs at {at}: {seen[at - 20:at + 20]!r} for {text[at - 20:at + 20]!r}")
    expect(letter.raw.isascii(), "not ASCII on its way")
    expect(max(map(len, letter.raw.split(b"\n"))) <= 998, "a line is longer than 998 bytes on its way")


def order(address):
    name = address.split("@")[0]
    made = json.loads(stand.post(f"{stand.GETCOURSE}/sandbox/orders", name=name, email=address))
    return made.get("id") or made["order_id"]


def printed_order():
    """The curl line of `dozvon url`, as it stands."""
    env = stand.variables(folder / "run")
    told = subprocess.run([program, "url"], env=env, check=True, capture_output=True, text=True).stdout
    told = told.replace("\\\n", " ")
    line = next(line for line in told.splitlines() if line.startswith("curl ") and "/order-created'" in line)
    subprocess.run(shlex.split(line), check=True, stdout=subprocess.DEVNULL)


def bridge_log():
    return (folder / "run/bridge.log").read_text()


def troubles():
    """Of /readyz, which answers 503 while one of them stops the work."""
    try:
        body = stand.get(f"{stand.OPERATION}/readyz")
    except urllib.error.HTTPError as refused:
        body = refused.read()
    return [trouble["id"] for trouble in json.loads(body)["troubles"]]


def person(address):
    env = stand.variables(folder / "run")
    asked = [program, "person", "export", "rost", "--email", address]
    return subprocess.run(asked, env=env, check=True, capture_output=True, text=True).stdout


def is_marked(address):
    return any(address in client.get("bad", []) for client in json.loads(person(address))["clients"])


def first_letter():
    printed_order()
    letter = arrives("m.kuznetsova@example.ru")
    expect(SENDER in letter["from"], f"From is {letter['from']}")
    expect("Школа «Рост»" in letter["from"], f"From is {letter['from']}")
    is_whole(letter, FIRST)


def ascii_letter():
    stand.post(f"{stand.GETCOURSE}/sandbox/orders/700100200/pay")
    is_whole(arrives("m.kuznetsova@example.ru", "Оплата получена"), LATER)


def cyrillic_host():
    order("client@пример.рф")
    letter = arrives(f"client@{CYRILLIC}")
    expect(CYRILLIC in letter["to"], f"To is {letter['to']}")
    is_whole(letter, FIRST)


def relay_refused():
    """Mended within a minute or two: the letter that waited arrives, and the order's next one."""
    number = order(RELAYED)
    if server == "opensmtpd":
        # Its reply names no reason, so it cannot be told from a wrong address; the bridge waits and asks again.
        stand.wait(lambda: "Invalid recipient" in (copy / "var/log/strangers.log").read_text(), "the refusal", 60)
    else:
        stand.wait(lambda: "ALARM: the account is denied" in bridge_log(), "the ALARM in the log", 60)
        stand.wait(lambda: "account_denied" in troubles(), "the trouble in /readyz", 10)
    expect(not letters(RELAYED), "it arrived although relaying is refused")
    tables(DOMAINS + ["elsewhere.example"], [])
    act("reload")
    arrives(RELAYED, seconds=LATER_S)
    stand.post(f"{stand.GETCOURSE}/sandbox/orders/{number}/pay")
    is_whole(arrives(RELAYED, "Оплата получена", 60), LATER)


def refused_once():
    """The first try of the grey letter; afterwards nothing is grey."""
    order(GREY)
    stand.wait(lambda: "recipient 451" in bridge_log(), "the first refusal", 30)
    expect(not letters(GREY), "it arrived although it was refused")
    tables(DOMAINS, [])
    act("reload")


def neighbour_letter():
    """Between the two tries of the one that does not exist: its host does take letters."""
    order(NEIGHBOUR)
    is_whole(arrives(NEIGHBOUR), FIRST)


def grey_letter():
    is_whole(arrives(GREY, seconds=LATER_S), FIRST)


def marked():
    expect(is_marked(NOBODY), "its address is not marked as bad")


def not_marked():
    for address in (RELAYED, GREY, "m.kuznetsova@example.ru"):
        expect(not is_marked(address), f"{address.split('@')[0]} is marked as bad")


def nothing_twice():
    for box in KNOWN:
        ids = [letter["message-id"] for letter in letters(box)]
        expect(len(ids) == len(set(ids)), f"a letter came twice to {box.split('@')[0]}")


DOMAINS = ["example.ru", CYRILLIC]
tables(DOMAINS, [GREY])
act("start")
stand.wait(lambda: socket.create_connection(("127.0.0.1", 2525), 1), "the mail server starts", 30)
sandbox, bridge = stand.start(program, folder / "run", change=change)
tried("a Cyrillic sender host, long Cyrillic lines, the body byte for byte", first_letter)
tried("long ASCII lines, dots, «From », the body byte for byte", ascii_letter)
tried("a Cyrillic recipient host", cyrillic_host)
began = time.monotonic()
order(NOBODY)
tried("greylisted: refused once with 451", refused_once)
tried("another mailbox of that host takes its letter", neighbour_letter)
tried("relay refused: trouble, then the letter and the order's next one arrive", relay_refused)
tried("greylisted: arrives at the second try", grey_letter)
# Time for the second try of the one that does not exist, where the first refusal named no reason.
time.sleep(max(0, LATER_S - (time.monotonic() - began)))
log(f"{server}: stopping the bridge")
bridge.terminate()
bridge.wait(30)
tried("a recipient that does not exist: its address is marked", marked)
tried("no other address is marked", not_marked)
tried("nothing arrives twice", nothing_twice)
sandbox.kill()
