#!/usr/bin/env bash
# Plays faults on real processes: the bridge, stand-ins of the platforms, a Redis of its own. Orders and payments
# come before, during and after each fault; then the stand-ins are asked what is lost and what is doubled.
#
#   deploy/faults.sh [--program PATH] [--short] [--jobs N] [--keep] [--list] [name…]
#
# One line a fault; the last line counts. The exit code is 0 only if nothing was lost, doubled or failed.
# --short plays the faults that matter most, in less than 90 s. --jobs: so many at a time (1; with --short 4).
# --keep leaves the folders with the logs.
# A full disk is a small tmpfs, and a cable that is pulled a network of its own: without root these faults are left out,
# and a line says so. Debian's redis-server, jq, curl, python3 and gcc are installed if they are missing.
set -euo pipefail
root="$(cd "$(dirname "$0")/.." && pwd)"
here="$root/deploy/faults"
program="" short="" keep="" list="" jobs="" wanted=()
# days.py imports look.py, and leaves nothing beside it.
export PYTHONDONTWRITEBYTECODE=1
as_root=""
[ "$(id -u)" = 0 ] || as_root=sudo

# shellcheck source-path=SCRIPTDIR
. "$here/bed.sh"
all=() quick=() with_root=()
# `plays NAME [short] [root]`: registers the function fault_NAME.
plays() {
  all+=("$1")
  case " $* " in *" short "*) quick+=("$1") ;; esac
  case " $* " in *" root "*) with_root+=("$1") ;; esac
}
for part in lost refuses killed links clock disk dead days; do
  # shellcheck disable=SC1090
  . "$here/$part.sh"
done

# Whether small disks and networks can be made here.
is_root() {
  local probe made=""
  probe="$(mktemp -d)"
  { [ -z "$as_root" ] || sudo -n true; } && $as_root mount -t tmpfs -o size=64k tmpfs "$probe" && $as_root umount "$probe" && made=yes
  rmdir "$probe"
  [ -n "$made" ]
} 2>/dev/null

usage() { sed -n '2,11s/^# \{0,1\}//p' "$0"; }
while [ $# -gt 0 ]; do
  case "$1" in
    --program) program="$(realpath "${2:?--program needs a path}")"; shift ;;
    --short) short=yes ;;
    --jobs) jobs="${2:?--jobs needs a number}"; shift ;;
    --keep) keep=yes ;;
    --list) list=yes ;;
    -h | --help) usage; exit 0 ;;
    -*) echo "unknown option $1" >&2; usage >&2; exit 2 ;;
    *) wanted+=("$1") ;;
  esac
  shift
done
if [ -n "$list" ]; then printf '%s\n' "${all[@]}"; exit 0; fi
if [ ${#wanted[@]} = 0 ]; then
  if [ -n "$short" ]; then wanted=("${quick[@]}"); else wanted=("${all[@]}"); fi
  if ! is_root; then
    echo "left out, because they need root: ${with_root[*]}"
    mapfile -t wanted < <(printf '%s\n' "${wanted[@]}" | grep -vxF "$(printf '%s\n' "${with_root[@]}")")
  fi
fi
for name in "${wanted[@]}"; do
  declare -F "fault_$name" >/dev/null || { echo "there is no fault «$name»; --list prints all" >&2; exit 2; }
done

missing=()
for pair in redis-server:redis-server curl:curl jq:jq python3:python3 cc:gcc; do
  command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
done
if [ ${#missing[@]} -gt 0 ]; then
  echo "installing ${missing[*]}"
  $as_root apt-get update -qq
  # A policy of 101 keeps a package from starting a service.
  printf '#!/bin/sh\nexit 101\n' | $as_root tee /usr/sbin/policy-rc.d >/dev/null
  $as_root chmod +x /usr/sbin/policy-rc.d
  DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq "${missing[@]}"
  $as_root rm -f /usr/sbin/policy-rc.d
fi
if [ -z "$program" ]; then
  (cd "$root" && cargo build --release --locked)
  program="${CARGO_TARGET_DIR:-$root/target}/release/dozvon"
fi
[ -x "$program" ] || { echo "$program cannot be executed; --program names another" >&2; exit 2; }

work="$(mktemp -d "${TMPDIR:-/tmp}/dozvon-faults.XXXXXX")"
clean() {
  local pid
  # Each play is a process group of its own.
  for pid in $(jobs -pr); do kill -9 -- "-$pid" 2>/dev/null; done
  for bed in "$work"/*/; do strike_bed; done
  if [ -n "$keep" ]; then echo "kept: $work" >&2; else rm -rf "$work"; fi
}
trap clean EXIT
trap 'exit 130' INT TERM
preload_so="$work/preload.so"
cc -shared -fPIC -O1 -o "$preload_so" "$here/preload.c"

# Prints the lines of a fault that has been played, and keeps its counts: lost, doubled, failed.
tell() {
  local lost=0 doubled=0 person=0 is_bad=0 line
  if [ -f "$bed/outcome" ]; then
    read -r lost doubled person < <(jq -r '"\(.lost | length) \(.doubled | length) \(.person)"' "$bed/outcome")
  else
    failed "the stand-ins could not be asked"
  fi
  line="$(cat "$bed/what" 2>/dev/null || echo "$1"): noticed $(cat "$bed/noticed" 2>/dev/null || echo –) s,"
  line+=" work on after $(cat "$bed/went_on" 2>/dev/null || echo –) s, lost $lost, doubled $doubled"
  [ "$person" = 0 ] || line+=", left to a person $person"
  [ ! -s "$bed/failed" ] || is_bad=1
  echo "$lost $doubled $is_bad" >"$bed.counts"
  if [ "$lost $doubled $is_bad" = "0 0 0" ]; then
    printf 'ok   %s: %s\n' "$1" "$line"
    # A good one leaves nothing to look at.
    [ -n "$keep" ] || rm -rf "$bed"
  else
    {
      printf 'BAD  %s: %s\n' "$1" "$line"
      sed 's/^/       /' "$bed/failed" 2>/dev/null || true
      jq -r '(.lost[0:5] | map("       lost: " + .)) + (.doubled[0:5] | map("       doubled: " + .)) | .[]' \
        "$bed/outcome" 2>/dev/null || true
    } >"$bed/said"
    cat "$bed/said"
  fi
}

# `play NAME NUMBER`: plays one fault in a bed of its own.
play() {
  local code panics
  bed="$work/$2.$1"
  mkdir "$bed"
  touch "$bed/orders" "$bed/paid" "$bed/bridge.log" "$bed/health"
  (
    set -e
    "fault_$1"
    # Late doubles, and the last word about everything.
    sleep 1
    look outcome "$bed" || true
    # shellcheck disable=SC2154
    panics="$(curl -s -m 5 "http://127.0.0.1:$operation_port/health" | jq '[.schools[]?.panics] | add // 0')"
    [ "${panics:-0}" = 0 ] || failed "$panics panics"
  ) 2>"$bed/errors"
  code=$?
  [ "$code" = 0 ] || failed "the play broke off with $code: $(tail -n 1 "$bed/errors")"
  strike_bed
  tell "$1"
}

if [ -z "$jobs" ]; then jobs=1; [ -z "$short" ] || jobs=4; fi
# A fault that fails must not end the others; each is a process group, so that it can be ended as a whole.
set +e -m
number=0
for name in "${wanted[@]}"; do
  number=$((number + 1))
  while [ "$(jobs -pr | wc -l)" -ge "$jobs" ]; do wait -n; done
  play "$name" "$number" &
done
wait
cat "$work"/*.counts | awk '{ lost += $1; doubled += $2; bad += $3 } END {
  printf "%d faults played, %d lost, %d doubled, %d failed\n", NR, lost, doubled, bad
  exit lost + doubled + bad > 0 || NR != '"${#wanted[@]}"' }'
