#!/usr/bin/env bash
# The two libraries that are usually asked to read Russian dates give wrong moments for plain words, and say nothing.
#
# The Python package dateparser 1.5.0 takes the hour behind a day for the year («5 декабря в 11» is the year 2111) or
# for the day of the month («во вторник в 12» is the 12th of the current month, which is past, although the future was
# asked for), and drops it behind «завтра» for the time that it is now. The npm package chrono-node 2.10.3 marks these
# hours as certain: «завтра в 5 вечера» is five in the morning, «через 1,5 часа» is five hours, «5.12 в 15:00» is today.
#
# What follows for us: dates are read by our own grammar (crates/core/src/process/dates), which reads a phrase whole or
# asks about it.
#
# Needs python3 with venv, node with npm, and the two registries. Fails when either package behaves otherwise.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export TZ=Europe/Moscow

# It is Monday, 30.11.2026, 11:40.
phrases=("завтра в 11" "5 декабря в 11" "во вторник в 12" "завтра в 5 вечера" "через 1,5 часа" "5.12 в 15:00")

python3 -m venv venv
venv/bin/pip install --quiet dateparser==1.5.0
venv/bin/python - "${phrases[@]}" > python.txt <<'PY'
import sys
from datetime import datetime
import dateparser
asked = {"RELATIVE_BASE": datetime(2026, 11, 30, 11, 40), "PREFER_DATES_FROM": "future"}
for typed in sys.argv[1:]:
    told = dateparser.parse(typed, languages=["ru"], settings=asked)
    print(typed, "->", told and told.strftime("%Y-%m-%d %H:%M"))
PY
cat python.txt

npm install --silent --no-fund --no-audit chrono-node@2.10.3 > /dev/null
cat > asks.mjs <<'JS'
import * as chrono from "chrono-node";
const two = (number) => String(number).padStart(2, "0");
for (const typed of process.argv.slice(2)) {
  const [told] = chrono.ru.parse(typed, new Date(2026, 10, 30, 11, 40), { forwardDate: true });
  const at = told.start.date();
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  console.log(`${typed} -> ${day} ${two(at.getHours())}:${two(at.getMinutes())}`, told.start.isCertain("hour"));
}
JS
node asks.mjs "${phrases[@]}" | tee node.txt

diff python.txt - <<'SEEN'
завтра в 11 -> 2026-12-01 11:40
5 декабря в 11 -> 2111-12-05 00:00
во вторник в 12 -> 2026-11-12 00:00
завтра в 5 вечера -> None
через 1,5 часа -> 2026-11-30 13:10
5.12 в 15:00 -> None
SEEN
diff node.txt - <<'SEEN'
завтра в 11 -> 2026-12-01 11:00 true
5 декабря в 11 -> 2026-12-05 11:00 true
во вторник в 12 -> 2026-12-01 12:00 true
завтра в 5 вечера -> 2026-12-01 05:00 true
через 1,5 часа -> 2026-11-30 16:40 true
5.12 в 15:00 -> 2026-11-30 15:00 true
SEEN
