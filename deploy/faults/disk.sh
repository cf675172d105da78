# shellcheck shell=bash disable=SC2034,SC2154
# Slow and full disks, of the bridge's folder and of Redis. A full disk refuses with 503, so that the platform (here a
# person in GetCourse) tells again; what was answered is kept.

plays slow_redis_disk
fault_slow_redis_disk() {
  what "each sync of Redis (appendfsync always) takes 400 ms longer"
  redis_preload="$preload_so"
  bed_up redis
  work_before
  strike
  echo 400 >"$bed/slow.redis"
  orders 4
  pay 2
  goes_on 90
  echo 0 >"$bed/slow.redis"
  mended
  orders 1
  goes_on
  well
}

plays slow_embedded_disk
fault_slow_embedded_disk() {
  what "each sync of the embedded store takes 400 ms longer"
  preload="$preload_so"
  bed_up embedded
  work_before
  strike
  echo 400 >"$bed/slow.bridge"
  orders 4
  pay 2
  goes_on 90
  echo 0 >"$bed/slow.bridge"
  mended
  orders 1
  goes_on
  well
}

plays slow_spool_disk
fault_slow_spool_disk() {
  what "Redis is away, and each sync of the spool takes 400 ms longer"
  preload="$preload_so"
  bed_up redis
  work_before
  strike
  echo 400 >"$bed/slow.bridge"
  redis_kill
  orders 4
  pay 1
  ill
  sleep 3
  redis_start
  mended
  goes_on 40
  well
}

plays full_spool_disk short root
fault_full_spool_disk() {
  local code
  what "Redis is away, and the bridge's disk is full"
  disk data 4m
  data="$bed/data"
  bed_up redis
  work_before
  strike
  fill_disk data
  redis_kill
  orders 2
  noticed "ALARM: the spool cannot be written"
  ill
  code="$(curl -s -m 12 -o "$bed/answer" -w '%{http_code}' \
    "http://127.0.0.1:$bridge_port/hooks/rost/getcourse/example-url-secret-0001/order-status?order_id=700100999&number=12999&status=new")"
  [ "$code" = 503 ] || failed "a request that cannot be kept is answered $code, not 503"
  free_disk data
  redis_start
  mended
  retell
  orders 1
  pay 1
  goes_on 30
  well
}

plays full_redis_disk root
fault_full_redis_disk() {
  what "the disk of Redis is full (MISCONF)"
  disk redis-disk 8m
  redis_dir="$bed/redis-disk"
  redis_args="--appendonly yes --appendfsync everysec"
  bed_up redis
  work_before
  strike
  fill_disk redis-disk
  orders 3
  sleep 2
  orders 2
  ill
  free_disk redis-disk
  mended
  pay 1
  retell
  goes_on 30
  well
}

plays full_redis_disk_always root
fault_full_redis_disk_always() {
  what "the disk of Redis (appendfsync always) is full: Redis ends itself, and is started with room"
  disk redis-disk 8m
  redis_dir="$bed/redis-disk"
  bed_up redis
  work_before
  strike
  fill_disk redis-disk
  orders 3
  until_true 10 gone "$redis" || failed "Redis goes on with a full disk"
  orders 2
  ill
  free_disk redis-disk
  redis_start
  mended
  pay 1
  goes_on 30
  well
}

plays full_embedded_disk short root
fault_full_embedded_disk() {
  what "the disk of the embedded store is full"
  disk data 24m
  data="$bed/data"
  bed_up embedded
  work_before
  strike
  fill_disk data
  orders 3
  ill 8
  free_disk data
  mended
  retell
  orders 1
  pay 1
  goes_on 40
  well
}
