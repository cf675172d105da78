# shellcheck shell=bash disable=SC2034,SC2154
# Clocks that jump and come back, on the bridge's side and on Redis's (F73). Waits are monotonic, so work goes on at
# once; what stays after the jump back must go on, too.

clocks_up() {
  preload="$preload_so" redis_preload="$preload_so"
  clock bridge +0
  clock redis +0
  bed_up "$1"
  work_before
}

# `jumps STORE SIDE SECONDS`: orders before, in the wrong time and after the return.
jumps() {
  what "the clock of $2 (store: $1) jumps by $3 s and back"
  proxied=yes
  clocks_up "$1"
  # Deliveries that have been tried wait for their next attempt.
  proxy amocrm off
  orders 2
  sleep 2
  strike
  clock "$2" "$3"
  proxy amocrm on
  orders 2
  pay 1
  goes_on 20
  sleep 5
  clock "$2" +0
  mended
  orders 2
  pay 1 last
  goes_on 15
  well
}

# What is due in the moment of the jump: the clock goes back by a minute after each of twelve orders.
plays clock_back_due
fault_clock_back_due() {
  local i
  what "the clock goes back by a minute while an order is taken in, twelve times"
  clocks_up redis
  strike
  for i in {1..12}; do
    orders 1
    clock bridge "-$((i * 60))"
    sleep 0.4
  done
  mended
  goes_on 20
  well
}

plays clock_back_hour
fault_clock_back_hour() { jumps redis bridge -3600; }
plays clock_on_hour
fault_clock_on_hour() { jumps redis bridge +3600; }
plays clock_back_minutes
fault_clock_back_minutes() { jumps redis bridge -600; }
plays clock_back_embedded short
fault_clock_back_embedded() { jumps embedded bridge -600; }
plays clock_back_hour_embedded
fault_clock_back_hour_embedded() { jumps embedded bridge -3600; }
plays clock_on_embedded
fault_clock_on_embedded() { jumps embedded bridge +3600; }
plays clock_redis_back_hour
fault_clock_redis_back_hour() { jumps redis redis -3600; }
plays clock_redis_on_hour
fault_clock_redis_on_hour() { jumps redis redis +3600; }
plays clock_redis_back_minutes
fault_clock_redis_back_minutes() { jumps redis redis -600; }
