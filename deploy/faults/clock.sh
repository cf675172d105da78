# Clocks that jump and come back, on the bridge's side and on Redis's (F73). Waits are monotonic, so work goes on at
# once; what stays after the jump back must go on, too.

# `jumps STORE SIDE SECONDS`: orders before, in the wrong time and after the return.
jumps() {
  what "the clock of $2 (store: $1) jumps by $3 s and back"
  preload="$preload_so" redis_preload="$preload_so"
  clock bridge +0
  clock redis +0
  bed_up "$1"
  work_before
  # Some of it is on its way.
  orders 2
  strike
  clock "$2" "$3"
  orders 2
  pay 1
  goes_on 15
  sleep 5
  clock "$2" +0
  mended
  orders 2
  pay 1 last
  goes_on 15
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
