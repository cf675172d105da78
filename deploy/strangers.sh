#!/usr/bin/env bash
# Published programs of other people against the bridge and its stand-ins, in fixed versions. Outside CI: it needs
# root, the registries of Debian, PyPI and npm, and about a quarter of an hour.
#
#   deploy/strangers.sh [--program PATH] [--tests PATH] [mail|clients|stores …]
#
# mail     letters through Debian's Postfix, Exim and OpenSMTPD
# clients  clients of amoCRM, GetCourse, Mango and Sipuni against `dozvon sandbox`
# stores   Redis 8, Valkey 8 and 9: the contract of the stores, and a demo on each
#
# `--program` is the built program, `--tests` the built test program `it`; without them both are built. Everything is
# installed in a temporary folder and runs in namespaces of its own, with a private loopback only: whatever port it
# takes is free, nothing leaves the machine, and all of it ends and is removed with this script.
#
# The last lines are a table: result, who, version, what was tried, why not. `failed` counts; `theirs` is known
# and the published program's own, and does not.
set -euo pipefail
cd "$(dirname "$0")/.."

program="" tests="" parts=()
while [ $# -gt 0 ]; do
  case $1 in
    --program) program=$(realpath "$2"); shift 2 ;;
    --tests) tests=$(realpath "$2"); shift 2 ;;
    mail | clients | stores) parts+=("$1"); shift ;;
    *) sed -n '2,/^$/s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
done
[ ${#parts[@]} -gt 0 ] || parts=(mail clients stores)
[ "$(id -u)" = 0 ] || { echo "root is needed: for namespaces, mounts and the users of the mail servers" >&2; exit 2; }
for tool in python3 node npm openssl apt-get dpkg unshare ip mount; do
  command -v "$tool" > /dev/null || { echo "$tool is missing" >&2; exit 2; }
done
if [ -z "$program" ]; then
  cargo build --release --locked
  program=$PWD/target/release/dozvon
fi
if [ -z "$tests" ] && [[ " ${parts[*]} " == *" stores "* ]]; then
  tests=$(cargo test --locked --no-run --test it --message-format=json | python3 -c '
import json, sys
built = [json.loads(line) for line in sys.stdin]
print(next(one["executable"] for one in built if one.get("target", {}).get("name") == "it" and one.get("executable")))')
fi

export work program tests PYTHONDONTWRITEBYTECODE=1
work=$(mktemp -d)
# A second time for what was still being written while everything ended.
trap 'kill $(jobs -p) 2> /dev/null || true; rm -rf "$work" 2> /dev/null || { sleep 2; rm -rf "$work"; }' EXIT
for part in "${parts[@]}"; do
  bash "deploy/strangers/$part.sh" | tee -a "$work/results" || {
    printf '%s\t-\tthe part itself\tfailed\tended early, see above\n' "$part" >> "$work/results"
  }
done

echo
awk -F '\t' '
  { counts[$4]++; printf "%-9s %-24s %-22s %-62s %s\n", $4, $1, $2, $3, $5 }
  END {
    printf "\n%d answered, %d failed, %d known as theirs\n", counts["answered"], counts["failed"], counts["theirs"]
    exit counts["failed"] > 0 || counts["answered"] == 0
  }' "$work/results"
