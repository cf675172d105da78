# shellcheck shell=bash disable=SC2034,SC2154
# Half-open connections: they stand, and nothing comes any more. To Redis, to the platforms, and from outside.

plays half_open_redis short
fault_half_open_redis() {
  what "all connections to Redis fall silent for good, new ones work (a proxy between lost its memory)"
  proxied=yes
  bed_up redis
  work_before
  strike
  proxy redis deaf
  mended
  orders 3
  pay 1 first
  pay 1 last
  goes_on 20
  well
}

# The cable is pulled, Redis starts anew behind it, the cable is back: the old connections are half-open.
plays vanished_redis root
fault_vanished_redis() {
  what "the host of Redis vanishes from the network for 8 s and comes back restarted"
  own_net
  bed_up redis
  work_before
  strike
  $as_root ip -n "$net" link set dzf1 down
  orders 3
  pay 1 first
  ill
  redis_kill
  sleep 6
  redis_start unready
  $as_root ip -n "$net" link set dzf1 up
  mended
  orders 1
  pay 1 last
  goes_on 20
  well
}

plays silent_redis
fault_silent_redis() {
  what "connections to Redis are accepted and silent for 8 s"
  proxied=yes
  bed_up redis
  work_before
  strike
  proxy redis silent
  orders 3
  pay 1 first
  ill
  sleep 5
  proxy redis on
  mended
  pay 1 last
  goes_on 20
  well
}

plays half_open_platforms
fault_half_open_platforms() {
  what "connections to amoCRM, GetCourse and mail half-open in the middle of work"
  proxied=yes
  bed_up redis
  work_before
  orders 4
  sleep 0.4
  strike
  proxy amocrm deaf
  proxy getcourse deaf
  proxy mail deaf
  mended
  orders 2
  pay 2 first
  goes_on 90
  well
}

plays silent_amocrm
fault_silent_amocrm() {
  what "amoCRM accepts connections and is silent for 20 s; a payment goes on"
  proxied=yes
  bed_up redis
  work_before
  strike
  proxy amocrm silent
  orders 3
  pay 1 last
  sleep 20
  proxy amocrm on
  mended
  orders 1
  goes_on 90
  well
}

plays silent_callers
fault_silent_callers() {
  what "300 connections to the bridge that say half a request and nothing more"
  bed_up redis
  work_before
  strike
  python3 - "$bridge_port" <<'PY' &
import socket, sys, time
held = []
for number in range(300):
    one = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=5)
    one.sendall(b"POST /hooks/rost/amocrm/example-url-secret-0001/ HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\nleads"
                if number % 2 else b"POST /hooks/rost")
    held.append(one)
time.sleep(60)
PY
  remember $!
  sleep 1
  mended
  orders 3
  pay 2
  goes_on 10
  well
}
