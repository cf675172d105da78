"""What was tried and what came of it, one line each: who, version, what, result, reason, with tabs between.

A result is `answered`, `failed` (counts) or `theirs` (known, and the published program's own: does not count).
"""

import os
import re
import sys
import traceback

WHO, VERSION = os.environ["WHO"], os.environ["VERSION"]


def tell(what, result, reason=""):
    reason = " ".join(str(reason).split())[:300]
    print("\t".join((WHO, VERSION, what, result, reason)), flush=True)


def tried(what, call, theirs=None):
    """Calls it; a failure that matches `theirs` is the published program's own. Returns what it returned."""
    try:
        seen = call()
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        is_theirs = theirs is not None and re.search(theirs, reason)
        if os.environ.get("VERBOSE"):
            traceback.print_exc()
        tell(what, "theirs" if is_theirs else "failed", reason)
        return None
    tell(what, "answered", "" if theirs is None else "what was known is gone: mend the expectation")
    return seen


def expect(condition, why):
    if not condition:
        raise AssertionError(why)


def log(text):
    print(text, file=sys.stderr, flush=True)
