# shellcheck shell=bash disable=SC2034,SC2154
# The processes of one played fault, and what is asked of them: sourced by ../faults.sh. Everything lives in the
# folder $bed and on free ports of its own; `strike_bed` stops it. Never touches another process.

store_host=127.0.0.1

# Starts stand-ins, store and bridge. $1: redis or embedded. Options before it, as variables:
#   redis_args   more arguments for redis-server       config_edit  a function that edits the configuration
#   preload      preload.so for the bridge              redis_preload, sandbox_preload  and for the others
#   long=yes     days pass: what is due again is not doubled          slow_mail=yes  two letters a second
#   data, redis_dir  other folders                      proxied     everything goes through proxy.py
#   line         the exchange over which people call
bed_up() {
  store="$1"
  # Only a driven bridge reads it.
  [ -e "$bed/stdin" ] || ln -s /dev/null "$bed/stdin"
  local first name port=1 edit="" gates=()
  first="$(ports)"
  bridge_port=$first redis_port=$((first + 8)) smtp_port=$((first + 7)) store_port=$redis_port
  operation_port=$((first + 19))
  amocrm_port=$((first + 1)) getcourse_port=$((first + 2))
  printf '%s\n' "bridge=$bridge_port" "operation=$operation_port" "getcourse=$getcourse_port" "long=${long:-no}" \
    "start=$(date +%s)" "token=token-of-this-bed" >"$bed/bed"
  cp -r "$root/deploy/example" "$bed/config"
  # The stand-ins without the orders that come by themselves.
  echo "line = \"${line:-mango}\"" >"$bed/sandbox.toml"
  awk '/^\[\[orders\]\]/ { exit } { print }' "$root/deploy/sandbox.toml" >>"$bed/sandbox.toml"
  if [ -n "${silence:-}" ]; then echo "$silence" >>"$bed/sandbox.toml"; fi
  # The stand-ins in the order of their ports; the example names them as 18081, 18082 … and 18025 for mail.
  for name in amocrm getcourse mango sipuni telphin zadarma mail; do
    local in_file=$((18080 + port)) to=$((first + port))
    if [ "$name" = mail ]; then in_file=18025; fi
    if [ -n "${proxied:-}" ]; then
      to=$((to + 9))
      gates+=("$name:$to:$((first + port))")
    fi
    edit+="s/\\b$in_file\\b/$to/; "
    port=$((port + 1))
  done
  sed -i "$edit" "$bed/config/schools/rost/school.toml"
  if [ -n "${proxied:-}" ]; then
    store_port=$((first + 9))
    python3 "$here/proxy.py" "$bed/proxy" "${gates[@]}" "redis:$store_port:$redis_port" 2>"$bed/proxy.log" &
    remember $!
    until_true 10 listens "$store_port" || { failed "the proxy did not start"; exit 1; }
  fi
  # So that a play does not wait for a rate; `slow_mail` leaves the usual one.
  [ -n "${slow_mail:-}" ] || sed -i 's/letters_per_second = 2.0/letters_per_second = 20.0/' "$bed/config/schools/rost/school.toml"
  if [ -n "${config_edit:-}" ]; then "$config_edit"; fi
  # shellcheck disable=SC2016
  printf '%s\n' '#!/usr/bin/env bash' "$(declare -p program bed)" "$(declare -f bridge_env)" \
    "bridge_port=$bridge_port operation_port=$operation_port store=$store store_port=$store_port store_host=$store_host data=${data:-$bed/data} root=$root" \
    'bridge_env; exec "$program" dead --config "$bed/config" "$@"' >"$bed/dead"
  sandbox_start
  if [ "$store" = redis ]; then redis_start; fi
  bridge_start
  python3 "$here/look.py" health "$bed" 2>"$bed/look.log" &
  remember $!
}

# The first of the bed's ports, which no other bed of this run has.
ports() {
  local first
  while first="$(python3 "$here/look.py" ports 20)"; do
    if mkdir "$work/ports.$first" 2>/dev/null; then echo "$first"; return; fi
  done
}

# A process of ours, to be stopped at the end.
forget() { sed -i "/^$1\$/d" "$bed/pids"; }
remember() { echo "$1" >>"$bed/pids"; disown "$1" 2>/dev/null || true; }

# Stops everything of this bed, once.
strike_bed() {
  local one
  if [ -f "$bed/pids" ]; then
    while read -r one; do kill -9 "$one" 2>/dev/null || true; done <"$bed/pids"
    rm "$bed/pids"
  fi
  if [ -f "$bed/mounts" ]; then
    while read -r one; do until_true 5 unmounted "$one" || echo "$one stays mounted" >&2; done <"$bed/mounts"
    rm "$bed/mounts"
  fi
  if [ -f "$bed/net" ]; then
    $as_root ip netns del "$(cat "$bed/net")"
    rm "$bed/net"
  fi
}
unmounted() { $as_root umount "$1" 2>/dev/null; }

now() { echo "$EPOCHREALTIME"; }
since() { awk -v a="$1" -v b="${2:-$EPOCHREALTIME}" 'BEGIN { printf "%.1f", b - a }'; }

# Waits until a command succeeds: `until_true SECONDS command …`.
until_true() {
  local end=$((${EPOCHREALTIME/./} + $1 * 1000000))
  shift
  until "$@"; do
    if [ "${EPOCHREALTIME/./}" -gt "$end" ]; then return 1; fi
    sleep 0.03
  done
}

failed() { echo "$*" >>"$bed/failed"; }

# --- The stand-ins --------------------------------------------------------------------------------

sandbox_start() {
  env LD_PRELOAD="${sandbox_preload:-}" DOZVON_CLOCK="$bed/clock.sandbox" \
    "$program" sandbox --setup "$bed/sandbox.toml" --bridge "http://127.0.0.1:$bridge_port" \
    --port "$amocrm_port" --smtp-port "$smtp_port" >"$bed/sandbox.log" 2>&1 &
  sandbox=$!
  remember "$sandbox"
  until_true 15 answers "http://127.0.0.1:$getcourse_port/sandbox/orders" || { failed "the stand-ins did not start"; exit 1; }
}

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
answers() { curl -sf -m 2 -o "$bed/answer" "$1" 2>/dev/null; }

# `orders N`: clients order; their numbers are kept.
orders() {
  local i
  for ((i = 0; i < $1; i++)); do
    curl -s -m 10 -X POST "http://127.0.0.1:$getcourse_port/sandbox/orders" | jq -r .id >>"$bed/orders"
  done
}

# `pay N [first|last]`: the N oldest (or newest) orders without a payment are paid.
pay() {
  local order pick="head"
  if [ "${2:-first}" = last ]; then pick="tail"; fi
  touch "$bed/paid"
  for order in $(grep -vxFf "$bed/paid" "$bed/orders" | $pick -n "$1"); do
    echo "$order" >>"$bed/paid"
    curl -s -m 10 -o "$bed/answer" -X POST "http://127.0.0.1:$getcourse_port/sandbox/orders/$order/pay"
  done
}

proxy() { echo "$1 $2 $EPOCHREALTIME" >>"$bed/proxy.next"; tac "$bed/proxy.next" | sort -su -k1,1 >"$bed/proxy.new"; mv "$bed/proxy.new" "$bed/proxy"; sleep 0.1; }

# A network of its own for Redis, which can be unplugged: a namespace behind a pair of virtual cables.
own_net() {
  net="dozvon-faults-$$" store_host=10.213.77.2
  $as_root ip netns add "$net" && echo "$net" >"$bed/net" &&
    $as_root ip link add dzf0 type veth peer name dzf1 netns "$net" &&
    $as_root ip addr add 10.213.77.1/30 dev dzf0 && $as_root ip link set dzf0 up &&
    $as_root ip -n "$net" addr add 10.213.77.2/30 dev dzf1 && $as_root ip -n "$net" link set dzf1 up ||
    { failed "no network of its own can be made: run it as root"; exit 1; }
}

# --- Redis ----------------------------------------------------------------------------------------

redis_start() {
  mkdir -p "${redis_dir:=$bed/redis}"
  # shellcheck disable=SC2086
  env LD_PRELOAD="${redis_preload:-}" DOZVON_CLOCK="$bed/clock.redis" DOZVON_SLOW="$bed/slow.redis" \
    ${net:+$as_root ip netns exec "$net"} redis-server --port "$redis_port" --bind "$store_host" --protected-mode no --dir "$redis_dir" --save "" \
    ${redis_args:---appendonly yes --appendfsync always} >>"$bed/redis.log" 2>&1 &
  redis=$!
  remember "$redis"
  if [ "${1:-}" != unready ]; then
    until_true 20 redis_answers || { failed "Redis did not start"; exit 1; }
  fi
}
redis_answers() { [ "$(rd PING 2>/dev/null)" = PONG ]; }
redis_kill() { kill -9 "$redis" && wait_gone "$redis"; forget "$redis"; }
rd() { redis-cli -h "$store_host" -p "$redis_port" "$@"; }
wait_gone() { until_true 20 gone "$1" || true; }
gone() { ! kill -0 "$1" 2>/dev/null; }

# --- The bridge -----------------------------------------------------------------------------------

bridge_env() {
  set -a
  # shellcheck disable=SC1091
  . "$root/.env.example"
  DOZVON_CONFIG="$bed/config" DOZVON_URL="http://127.0.0.1:$bridge_port" DOZVON_LISTEN="127.0.0.1:$bridge_port"
  DOZVON_OPERATION="127.0.0.1:$operation_port"
  DOZVON_DATA="${data:-$bed/data}" DOZVON_DRIVEN_TOKEN=token-of-this-bed
  if [ "$store" = redis ]; then DOZVON_STORE="redis://${redis_user:-}$store_host:$store_port/0"; fi
  set +a
}

bridge_start() {
  (
    bridge_env
    # shellcheck disable=SC2086
    exec env LD_PRELOAD="${preload:-}" DOZVON_CLOCK="$bed/clock.bridge" DOZVON_SLOW="$bed/slow.bridge" \
      "$program" serve ${serve_args:-} <"$bed/stdin" >>"$bed/bridge.out" 2>>"$bed/bridge.log"
  ) &
  bridge=$!
  remember "$bridge"
  if [ "${1:-}" != unready ]; then
    until_true 20 is_up || { failed "the bridge did not start: $(tail -n 1 "$bed/bridge.log" "$bed/bridge.out" | tail -n 1)"; exit 1; }
  fi
}
is_up() { curl -s -m 2 "http://127.0.0.1:$operation_port/health" 2>/dev/null | grep -q '"here":"owner"'; }
bridge_kill() { kill -9 "$bridge" && wait_gone "$bridge"; forget "$bridge"; }
dead() { bash "$bed/dead" "$@"; }
look() { python3 "$here/look.py" "$@"; }
# Whether there are dead letters; they stand in $bed/letters.
dead_letters() { dead list rost --max 1000 2>"$bed/dead.err" | grep -E '^(out|in)-' >"$bed/letters"; [ -s "$bed/letters" ]; }
retell() { look retell "$bed"; }

# --- The course of a fault ------------------------------------------------------------------------

# What is played, in a few words.
what() { echo "$*" >"$bed/what"; }

# Everything ordered so far is done, before the fault.
at_rest() { look wait "$bed" "${1:-20}" || failed "it was not at rest before the fault: $(jq -c .lost "$bed/outcome")"; sleep 0.5; }

# Orders and a payment, all done before the fault.
work_before() {
  orders 3
  at_rest
  pay 1
  at_rest
}

# The fault happens now.
strike() { struck="$(now)" went_from="$struck"; log_from=$(($(stat -c %s "$bed/bridge.log") + 1)); echo "$struck" >"$bed/struck"; }

# Its cause is gone: from here on it is counted how long until work goes on.
mended() { went_from="$(now)"; }

said() { tail -c "+$log_from" "$bed/bridge.log" | grep -q -- "$1"; }

# The log says it, within so many seconds of the fault or of its end: `noticed PATTERN [SECONDS]`.
noticed() {
  local pattern="${1:-ALARM: the store has lost data}" limit="${2:-5}" at late
  if ! until_true "$limit" said "$pattern"; then failed "no «$pattern» in the log within $limit s"; return; fi
  at="$(tail -c "+$log_from" "$bed/bridge.log" | grep -m 1 -- "$pattern" | sed 's/\x1b\[[0-9;]*m//g' | cut -d ' ' -f 1)"
  at="$(date -d "$at" +%s.%N)"
  late="$(since "$went_from" "$at")"
  saw "$(since "$struck" "$at")"
  awk -v late="$late" -v limit="$limit" 'BEGIN { exit late > limit }' || failed "noticed only after $late s"
}

# The first notice counts.
saw() { [ -f "$bed/noticed" ] || echo "$1" >"$bed/noticed"; }

# Health says that it is not well, within so many seconds of the fault.
ill() {
  if until_true "${1:-5}" was_ill; then
    saw "$(awk -v t="$struck" '$1 >= t && $3 == "ill" { printf "%.1f", $1 - t; exit }' "$bed/health")"
  else
    failed "health said «well» for ${1:-5} s"
  fi
}
was_ill() { awk -v t="$struck" '$1 >= t && $3 == "ill" { found = 1 } END { exit !found }' "$bed/health"; }
well() { until_true "${1:-10}" is_well || failed "health does not say «well» again within ${1:-10} s"; }
is_well() { [ "$(tail -n 1 "$bed/health" | cut -d ' ' -f 3)" = well ]; }

# All that was ordered is done within so many seconds; then nothing may be doubled either.
goes_on() {
  local limit="${1:-20}"
  if look wait "$bed" "$limit"; then since "$went_from" >"$bed/went_on"; else failed "work did not go on within $limit s"; fi
}

# The clock of a process: `clock bridge +3600`. It follows a file, so that it can jump while the process lives.
clock() { echo "$2" >"$bed/clock.new"; mv "$bed/clock.new" "$bed/clock.$1"; }

# A small disk: `disk NAME SIZE`, mounted at $bed/NAME.
disk() {
  mkdir -p "$bed/$1"
  $as_root mount -t tmpfs -o "size=$2,mode=0777" tmpfs "$bed/$1" || { failed "a small disk cannot be mounted: run it as root"; exit 1; }
  echo "$bed/$1" >>"$bed/mounts"
}
fill_disk() { dd if=/dev/zero of="$bed/$1/filler" bs=4k 2>/dev/null || true; }
free_disk() { rm -f "$bed/$1/filler"; }
