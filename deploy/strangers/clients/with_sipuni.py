"""sipuni-api: call starts, statistics, operators and a record, at its built-in address. It sends a POST whose
parameters all stand in the query, and whose body is the JSON `{}`."""

import contextlib
import io
import os
from datetime import datetime, timedelta

from sipuni_api import Sipuni
from tried import expect, tried

sipuni = Sipuni("012345", os.environ["DEMO_SIPUNI_KEY"])
CLIENT = "79035550127"


def started(answer):
    expect(answer.get("success") is True, answer)


def statistics():
    """It prints the address that it calls."""
    now = datetime.now()
    with contextlib.redirect_stdout(io.StringIO()):
        table = sipuni.get_call_stats(now - timedelta(days=1), now)
    expect("message" not in table and ";" in table, table)


def record():
    """It decodes no refusal: an unknown id shows whether the request itself was understood."""
    seen = sipuni.get_record("1795770000.1")
    expect(b"hash" not in seen and b"User" not in seen, seen)


def operators():
    table = sipuni.get_managers()
    expect("102" in table, table)


# It writes the documented parameter `antiaon` as `antion`.
tried("call_number", lambda: started(sipuni.make_call(CLIENT, "102")), theirs="Parameter antiaon is required")
tried("call_tree", lambda: started(sipuni.make_tree_call(CLIENT, "102", "1")))
tried("call_external", lambda: started(sipuni.make_external_call("79035550128", CLIENT, "102", "103")))
tried("statistics", statistics)
tried("operators", operators)
tried("record", record)
