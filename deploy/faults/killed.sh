# shellcheck shell=bash disable=SC2034,SC2154
# Processes are killed with -9: the bridge in the middle of its work, Redis with its files. A webhook that was not
# answered is told again, as a person can in GetCourse; nothing that was answered may need that.

# Only a letter that is being sent may be unknown after a kill; letters leave one at a time, so one for each kill.
letters_in_flight() {
  local left
  dead_letters || return 0
  left="$(grep -c 'may already have been sent' "$bed/letters" || true)"
  [ "$left" -le "$1" ] || failed "$left letters are left to a person after $1 kills: they only waited for their turn"
}

# The bridge over this store is killed five times in the middle of its work.
five_kills() {
  local i
  slow_mail=yes
  bed_up "$1"
  work_before
  strike
  for i in 1 2 3 4 5; do
    orders 3
    pay 1
    sleep "0.$((i * 2 - 1))"
    bridge_kill
    bridge_start
  done
  mended
  retell
  goes_on 30
  well
  letters_in_flight 5
}

plays killed
fault_killed() {
  what "kill -9 of the bridge, five times in the middle of work"
  five_kills redis
}

plays killed_embedded
fault_killed_embedded() {
  what "kill -9 of the bridge over the embedded store, five times"
  five_kills embedded
}

# All webhooks were answered before the kill: they need no second telling.
plays killed_answered short
fault_killed_answered() {
  what "kill -9 as soon as ten orders are answered; nobody tells them again"
  slow_mail=yes
  bed_up redis
  work_before
  orders 10
  until_true 10 took_all || failed "the bridge did not answer all webhooks"
  strike
  bridge_kill
  bridge_start
  goes_on 30
  well
  letters_in_flight 1
}
# Sent and answered: the stand-in counts both.
took_all() {
  local accepted
  accepted="$(curl -s -m 2 "http://127.0.0.1:$operation_port/health" | jq '.schools.rost.accepted // 0')"
  [ "$accepted" -ge $(($(wc -l <"$bed/orders") + 10)) ]
}

# What cannot be looked up is marked one at a time: letters behind the one that hangs have not been touched.
plays killed_at_mail
fault_killed_at_mail() {
  what "kill -9 while the mail server is silent and eight letters wait for it"
  proxied=yes
  bed_up redis
  work_before
  proxy mail silent
  orders 8
  sleep 3
  strike
  bridge_kill
  proxy mail on
  mended
  bridge_start
  goes_on 30
  well
  letters_in_flight 1
}

plays redis_killed short
fault_redis_killed() {
  what "Redis (appendfsync always) killed and started 3 s later"
  bed_up redis
  work_before
  strike
  orders 2
  redis_kill
  orders 3
  pay 1 first
  ill
  sleep 2
  redis_start
  mended
  orders 1
  pay 1 last
  goes_on
  well
}

plays redis_killed_everysec
fault_redis_killed_everysec() {
  what "Redis (appendfsync everysec) killed three times in the middle of work"
  redis_args="--appendonly yes --appendfsync everysec"
  bed_up redis
  work_before
  strike
  for _ in 1 2 3; do
    orders 3
    redis_kill
    orders 1
    redis_start
    sleep 0.5
  done
  mended
  pay 2
  goes_on 30
  well
}

plays redis_hangs
fault_redis_hangs() {
  what "Redis stops answering for 8 s (SIGSTOP)"
  bed_up redis
  work_before
  strike
  kill -STOP "$redis"
  orders 3
  pay 1 first
  ill
  sleep 6
  kill -CONT "$redis"
  mended
  orders 1
  pay 1 last
  goes_on
  well
}

# Longer than a call waits: calls that were given up are carried out late, and in another order.
plays redis_pauses
fault_redis_pauses() {
  what "Redis answers nobody for 2.5 s, four times, in the middle of work: slow is not lost"
  bed_up redis
  work_before
  strike
  for _ in 1 2 3 4; do
    rd CLIENT PAUSE 2500 ALL >"$bed/said"
    orders 2
    pay 1
    sleep 2.6
  done
  mended
  orders 1
  goes_on 20
  well
  ! said "ALARM: the store has lost data" || failed "slow was told as lost"
}

plays bridge_hangs
fault_bridge_hangs() {
  what "the bridge stands still for 10 s (SIGSTOP) with deliveries in flight"
  bed_up redis
  work_before
  orders 5
  strike
  kill -STOP "$bridge"
  sleep 10
  kill -CONT "$bridge"
  mended
  orders 1
  pay 2
  retell
  goes_on 30
  well
}

plays started_without_redis
fault_started_without_redis() {
  what "the bridge is killed while Redis is away, and started without it"
  bed_up redis
  work_before
  strike
  redis_kill
  orders 2
  bridge_kill
  bridge_start unready
  until_true 10 takes || failed "it takes no requests without Redis"
  orders 2
  pay 1
  redis_start
  mended
  goes_on 30
  well
}
takes() { curl -s -m 2 -o "$bed/answer" "http://127.0.0.1:$operation_port/health"; }
