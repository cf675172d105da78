#!/usr/bin/env python3
"""Prints crates/core/src/process/number/countries.txt: what a number of each country can look like.

Run by hand when the table is to be renewed, never by the build:

    python3 -m venv venv && venv/bin/pip install phonenumbers==9.0.43
    venv/bin/python deploy/countries.py > crates/core/src/process/number/countries.txt

The facts are those of libphonenumber, as the package `phonenumbers` carries them. Only lines of people are taken
(fixed, mobile, internet, personal); free and paid services are not.
"""

import re._constants as kind
import re._parser as parser
from collections import defaultdict

import phonenumbers as phones

KINDS = ("fixed_line", "mobile", "voip", "personal_number")
DIGITS = "0123456789"


def shapes(pattern, keep):
    """All (leading digits, length) that a pattern of digits allows: exact, without trying numbers."""

    def join(left, right):
        return {((a + b)[:keep], m + n) for a, m in left for b, n in right}

    def of(nodes):
        found = {("", 0)}
        for op, value in nodes:
            if op is kind.LITERAL:
                step = {(chr(value)[:keep], 1)}
            elif op is kind.IN:
                step = {(digit[:keep], 1) for digit in DIGITS if allowed(value, digit)}
            elif op is kind.SUBPATTERN:
                step = of(value[3])
            elif op is kind.BRANCH:
                step = set().union(*(of(branch) for branch in value[1]))
            elif op is kind.MAX_REPEAT:
                least, most, inner = value
                step, once, power = set(), of(inner), {("", 0)}
                for times in range(most + 1):
                    step |= power if times >= least else set()
                    power = join(power, once)
            else:
                raise ValueError(f"{op} in {pattern}")
            found = join(found, step)
        return found

    return of(parser.parse(pattern))


def allowed(items, digit):
    for op, value in items:
        if op is kind.LITERAL and chr(value) == digit:
            return True
        if op is kind.RANGE and value[0] <= ord(digit) <= value[1]:
            return True
        if op is kind.CATEGORY:
            return True
    return False


def of_region(region, keep):
    data = phones.PhoneMetadata.metadata_for_region(region, None)
    found = set()
    for name in KINDS:
        desc = getattr(data, name)
        if desc is not None and desc.national_number_pattern:
            lengths = set(desc.possible_length)
            found |= {one for one in shapes(desc.national_number_pattern, keep) if one[1] in lengths}
    return found


def main():
    print("# What a number looks like behind its country's code: made by deploy/countries.py.")
    print(f"# Source: libphonenumber's metadata, in the PyPI package phonenumbers {phones.__version__}.")
    print("# A line: code, regions, then `lengths:first digits` of the national number.")
    print("# Of code 7 the lines `area` hold the three-digit codes in use: Russia's, Kazakhstan's.")
    for code in sorted(phones.COUNTRY_CODE_TO_REGION_CODE):
        regions = [one for one in phones.COUNTRY_CODE_TO_REGION_CODE[code] if one != "001"]
        if code == 7:
            for region in ("RU", "KZ"):
                areas = sorted({lead for lead, length in of_region(region, 3) if length == 10})
                print("area", region, " ".join(areas))
            continue
        firsts = defaultdict(set)
        for region in regions:
            for lead, length in of_region(region, 1):
                firsts[length].add(lead)
        if not firsts:
            continue
        lengths = defaultdict(list)
        for length, leads in sorted(firsts.items()):
            lengths["".join(sorted(leads))].append(str(length))
        parts = (f"{','.join(numbers)}:{leads}" for leads, numbers in lengths.items())
        print(code, "+".join(regions), *parts)


if __name__ == "__main__":
    main()
