# shellcheck shell=bash disable=SC2034,SC2154
# The store loses what it had confirmed while the bridge lives (F70, F75): emptied, evicted, an older copy, a part.
# Each time the bridge notices it within 5 s with an ALARM, is not well until everything was read again, and works on.

# Old and new clients after it, and what the bridge has to say.
after_loss() {
  orders 3
  pay 1 first
  pay 1 last
  noticed
  goes_on
  well
  told_counts
}

# How many orders are gone, in /health as in the log.
told_counts() {
  curl -s -m 5 "http://127.0.0.1:$operation_port/health" | jq -e '.schools.rost.lost | .kind and (.orders | type == "number")' \
    >"$bed/counts" || failed "/health does not count what is lost"
}

plays emptied short
fault_emptied() {
  what "Redis emptied (FLUSHALL) while the bridge is at rest"
  bed_up redis
  work_before
  strike
  rd FLUSHALL >"$bed/said"
  # The platforms do not answer for a moment, so that there is time to see that it is not well.
  kill -STOP "$sandbox"
  noticed
  ill
  kill -CONT "$sandbox"
  mended
  after_loss
  curl -s -m 5 "http://127.0.0.1:$operation_port/health" | jq -e '.schools.rost.lost.orders == 3' >"$bed/counts" ||
    failed "3 orders are gone, and /health says otherwise"
}

plays emptied_quiet
fault_emptied_quiet() {
  what "Redis emptied after 6 s of quiet; four orders and a payment at once (F70)"
  bed_up redis
  work_before
  sleep 6
  strike
  rd FLUSHALL >"$bed/said"
  orders 4
  pay 1 last
  noticed
  goes_on
  well
}

plays emptied_at_work
fault_emptied_at_work() {
  what "Redis emptied in the middle of 15 orders"
  bed_up redis
  work_before
  orders 10
  strike
  rd FLUSHALL >"$bed/said"
  orders 5
  noticed
  goes_on 40
  well
}

plays emptied_twice
fault_emptied_twice() {
  what "Redis emptied three times within 3 s"
  bed_up redis
  work_before
  strike
  for _ in 1 2 3; do
    rd FLUSHALL >"$bed/said"
    orders 1
    sleep 1
  done
  noticed
  pay 2
  goes_on 30
  well
}

plays older_copy short
fault_older_copy() {
  what "Redis replaced by an older copy of itself"
  redis_args="--appendonly no"
  bed_up redis
  work_before
  rd SAVE >"$bed/said"
  cp "$redis_dir/dump.rdb" "$bed/copy.rdb"
  orders 3
  pay 1
  at_rest
  strike
  redis_kill
  cp "$bed/copy.rdb" "$redis_dir/dump.rdb"
  redis_start
  after_loss
}

plays no_persistence
fault_no_persistence() {
  what "Redis without persistence killed and started"
  redis_args="--appendonly no"
  bed_up redis
  work_before
  strike
  redis_kill
  redis_start
  after_loss
}

plays both_down
fault_both_down() {
  what "Redis without persistence and the bridge killed, both started"
  redis_args="--appendonly no"
  bed_up redis
  work_before
  strike
  bridge_kill
  redis_kill
  redis_start
  mended
  bridge_start
  orders 3
  pay 1 first
  pay 1 last
  noticed
  goes_on
  well
}

# Kinds of keys that vanish while the bridge is at rest.
keys_vanish() {
  local pattern key count=0
  what "keys gone: $*"
  bed_up redis
  work_before
  strike
  for pattern in "$@"; do
    while read -r key; do
      rd UNLINK "$key" >"$bed/said"
      count=$((count + 1))
    done < <(rd --scan --pattern "dz:{rost}:$pattern")
  done
  [ "$count" -gt 0 ] || failed "there is no such key"
}

plays gone_wakes
fault_gone_wakes() { keys_vanish wake promised; after_loss; }
plays gone_index
fault_gone_index() { keys_vanish links; after_loss; }
plays gone_names
fault_gone_names() { keys_vanish names; after_loss; }
plays gone_orders
fault_gone_orders() { keys_vanish 'r:order/*'; after_loss; }
plays gone_clients
fault_gone_clients() { keys_vanish 'r:client/*' 'r:desk/*' 'r:shadow/*'; after_loss; }
plays gone_records
fault_gone_records() { keys_vanish 'r:*' names; after_loss; }
plays gone_token
fault_gone_token() { keys_vanish token; after_loss; }
# What is gone here is made anew at once or only prevents repeats: work has to go on, there is nothing to count.
plays gone_lease
fault_gone_lease() { keys_vanish lease plan; orders 3; pay 2; goes_on; well; }
plays gone_counter
fault_gone_counter() { keys_vanish n; orders 3; pay 2; goes_on; well; }
plays gone_seen
fault_gone_seen() { keys_vanish 'seen:*' raw items inbox; orders 3; pay 2; retell; goes_on; well; }

plays gone_half short
fault_gone_half() {
  local key
  what "every second key gone"
  bed_up redis
  work_before
  strike
  while read -r key; do rd UNLINK "$key" >"$bed/said"; done < <(rd --scan --pattern 'dz:*' | sort | awk 'NR % 2')
  after_loss
}

# The CRM is away, so that there are deliveries to lose.
plays gone_deliveries short
fault_gone_deliveries() {
  local key
  what "deliveries that wait are gone"
  proxied=yes
  bed_up redis
  work_before
  proxy amocrm off
  orders 3
  sleep 2
  strike
  rd UNLINK "dz:{rost}:out" >"$bed/said"
  while read -r key; do rd UNLINK "$key" >"$bed/said"; done < <(rd --scan --pattern 'dz:{rost}:d:*')
  noticed
  proxy amocrm on
  mended
  orders 1
  pay 1 first
  goes_on 40
  well
}

# The memory of Redis is too small, and its policy evicts while orders come: ten losses within 3 s. Measured are the
# notice within 5 s and that work goes on. An order whose record is gone is decided again while commands of its former
# life, given back, are on their way. Of 21 plays each of `lru` and `random` none lost anything. Not in the short list:
# there `gone_half` loses a part.
evicts() {
  local used
  what "Redis evicts under maxmemory-policy $1"
  bed_up redis
  rd CONFIG SET maxmemory-samples 10 >"$bed/said"
  work_before
  rd CONFIG SET maxmemory-policy "$1" >"$bed/said"
  used="$(rd INFO memory | awk -F: '/^used_memory:/ { print int($2) }')"
  strike
  # Less than what lies there: each write evicts, until the memory is enlarged.
  rd CONFIG SET maxmemory $((used - 30000)) >"$bed/said"
  orders 2
  sleep 3
  rd INFO stats | tr -d '\r' | awk -F: '/^evicted_keys/ { print $2 }' >"$bed/evicted"
  rd CONFIG SET maxmemory 0 >"$bed/said"
  rd CONFIG SET maxmemory-policy noeviction >"$bed/said"
  mended
  [ "$(cat "$bed/evicted")" -gt 0 ] || failed "nothing was evicted"
}

plays evicted_lru
fault_evicted_lru() { evicts allkeys-lru; after_loss; }
plays evicted_lfu
fault_evicted_lfu() { evicts allkeys-lfu; after_loss; }
plays evicted_random
fault_evicted_random() { evicts allkeys-random; after_loss; }
# Only what expires is evicted: keys that prevent repeats, and the lease.
plays evicted_volatile
fault_evicted_volatile() { evicts volatile-ttl; orders 2; pay 2; retell; goes_on 30; well; }
