#!/usr/bin/env bash
# Checks the dependencies against the published advisories (RustSec). Needs the network for their database.
# Ends with 0: none applies; 1: one applies, it is printed; 3: nothing was checked, because there is no database.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 3

if ! command -v cargo-deny >/dev/null; then
  echo "advisories: NOT CHECKED: cargo-deny is missing, install it: cargo install cargo-deny --locked" >&2
  exit 3
fi
if told=$(cargo deny --locked check advisories 2>&1); then
  echo "advisories: none applies to this Cargo.lock"
elif grep -q 'failed to \(fetch\|open\|load\|acquire\|clone\)[^[]*advisory database\|failed to fetch crates' <<<"$told"; then
  printf '%s\n' "$told" >&2
  echo "advisories: NOT CHECKED: their database could not be fetched; run it again with the network" >&2
  exit 3
else
  printf '%s\n' "$told"
  echo "advisories: see above; update or replace what they name" >&2
  exit 1
fi
