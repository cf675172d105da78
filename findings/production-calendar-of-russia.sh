#!/usr/bin/env bash
# Which days do people in Russia work? Two Python packages know different halves of it.
#
# By the decrees on the transfer of days off, Friday 9 January 2026 and Thursday 31 December 2026 are days off, and
# Saturday 20 February 2027 is a working day. By article 112 of the Labour Code a holiday that falls on a weekend moves
# its day off to the next working day without any decree: Saturday 4 November 2028 gives Monday 6 November.
#
# holidays 0.109 knows the decrees (and the working Saturday), but for a year without one it also leaves out what
# article 112 moves: 6 November 2028 is «working». workalendar 17.0.0 is the other way round: it moves holidays from
# weekends by the rule in any year and knows no decree, so 31 December 2026 is «working» and 20 February 2027 is not.
#
# What follows for us: the calendar is a table with one row a year that was checked against the decree, and the rule of
# article 112 applies where a year is missing.
#
# Needs python3 with venv and PyPI. Fails when either package behaves otherwise.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet holidays==0.109 workalendar==17.0.0
venv/bin/python - > seen.txt <<'PY'
from datetime import date
import holidays
from workalendar.europe import Russia
by_rule = Russia()
for day in ["2026-01-09", "2026-12-31", "2027-02-20", "2027-11-05", "2028-11-06"]:
    when = date.fromisoformat(day)
    by_decree = holidays.country_holidays("RU", years=when.year)
    word = lambda works: "working" if works else "off"
    print(day, when.strftime("%a"), "holidays:", word(by_decree.is_working_day(when)),
          "workalendar:", word(by_rule.is_working_day(when)))
PY
cat seen.txt
diff seen.txt - <<'SEEN'
2026-01-09 Fri holidays: off workalendar: working
2026-12-31 Thu holidays: off workalendar: working
2027-02-20 Sat holidays: working workalendar: off
2027-11-05 Fri holidays: off workalendar: working
2028-11-06 Mon holidays: working workalendar: off
SEEN
echo "as stated: one knows the decrees, the other the rule, neither both"
