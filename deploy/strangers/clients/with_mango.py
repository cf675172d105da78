"""Python-Mango-Office-API: commands, statistics and directories of the VPBX, at its built-in address."""

import contextlib
import io
import os
import time

from mangoapi import MangoAPI
from tried import expect, tried

mango = MangoAPI(None, os.environ["DEMO_MANGO_KEY"], os.environ["DEMO_MANGO_SALT"])


def quiet(call):
    """It prints each address that it calls."""
    with contextlib.redirect_stdout(io.StringIO()):
        return call()


def callback():
    seen = quiet(lambda: mango.callback("strangers-1", "101", to_num="79035550127", line="74955550000"))
    expect(seen["result"] == 1000, seen)


def people():
    seen = quiet(lambda: mango.user_list())
    expect(any(user["telephony"]["numbers"] is not None for user in seen["users"]), seen)


def lines():
    expect(quiet(mango.lines), "no lines")


def statistics():
    """Its period ends when it begins, so no row is expected: the request and its result are."""
    now = int(time.time())
    seen = quiet(lambda: mango.get_stats_to("s2", to_num="79035550127", date_from=now - 600, date_to=now))
    expect(isinstance(seen, str), seen)


def statistics_from():
    now = int(time.time())
    return quiet(lambda: mango.get_stats_from("s1", from_ext="101", date_from=now - 600, date_to=now))


tried("callback", callback)
tried("users", people)
tried("lines", lines)
tried("statistics of calls to a number", statistics)
# It decodes the answer twice.
tried("statistics of calls from an extension", statistics_from, theirs="TypeError: the JSON object must be str")
