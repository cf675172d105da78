# shellcheck shell=bash disable=SC2034,SC2154
# Redis answers and refuses: OOM, READONLY, LOADING, NOPERM, MISCONF. What is accepted meanwhile lies in the spool; health
# says that it is not well; when the cause is gone, work goes on by itself.

# Orders and a payment while Redis refuses; $1 mends it.
through_refusal() {
  orders 3
  pay 1 first
  ill
  sleep 2
  "$1"
  mended
  orders 1
  pay 1 last
  goes_on "${2:-20}"
  well
}

plays oom short
fault_oom() {
  what "Redis is full: maxmemory with noeviction (OOM)"
  bed_up redis
  work_before
  strike
  rd CONFIG SET maxmemory 1mb >"$bed/said"
  mend_oom() { rd CONFIG SET maxmemory 0 >"$bed/said"; }
  through_refusal mend_oom
}

plays readonly short
fault_readonly() {
  what "Redis becomes a replica (READONLY) and the master again"
  bed_up redis
  work_before
  strike
  rd REPLICAOF 127.0.0.1 1 >"$bed/said"
  mend_readonly() { rd REPLICAOF NO ONE >"$bed/said"; }
  through_refusal mend_readonly
}

plays loading
fault_loading() {
  what "Redis starts and loads for seconds (LOADING)"
  redis_args="--appendonly yes --appendfsync always --aof-use-rdb-preamble no --key-load-delay 300 --loading-process-events-interval-bytes 1024"
  bed_up redis
  work_before
  rd --pipe >"$bed/said" < <(for i in $(seq 1 12000); do echo "SET junk:$i $i"; done)
  strike
  redis_kill
  redis_start unready
  until_true 5 is_loading || failed "Redis does not load"
  mend_loading() { until_true 30 redis_answers || failed "Redis loads for ever"; }
  through_refusal mend_loading
}
is_loading() { rd PING 2>&1 | grep -q LOADING; }

plays noperm
fault_noperm() {
  what "rights are taken from the bridge's user in Redis (NOPERM)"
  redis_user="dozvon:secret-of-the-bed@"
  redis_ready() {
    printf 'user default on nopass ~* &* +@all\nuser dozvon on >secret-of-the-bed ~dz:* &dz:* +@all -@admin\n' >"$bed/users.acl"
  }
  redis_ready
  redis_args="--appendonly yes --appendfsync always --aclfile $bed/users.acl"
  bed_up redis
  work_before
  strike
  rd ACL SETUSER dozvon -eval -evalsha -script >"$bed/said"
  mend_noperm() { rd ACL SETUSER dozvon +@all -@admin >"$bed/said"; }
  through_refusal mend_noperm
}

plays noperm_start
fault_noperm_start() {
  what "a user of Redis with a wrong pattern of keys: the start says so (F80)"
  redis_user="dozvon:secret-of-the-bed@"
  printf 'user default on nopass ~* &* +@all\nuser dozvon on >secret-of-the-bed ~dozvon* &* +@all -@admin\n' >"$bed/users.acl"
  redis_args="--appendonly yes --appendfsync always --aclfile $bed/users.acl"
  bridge_start_kept="$(declare -f bridge_start)"
  bridge_start() { :; }
  bed_up redis
  eval "$bridge_start_kept"
  strike
  bridge_start unready
  until_true 5 names_rights || failed "neither output nor log names the keys dz: that the user may not touch: $(tail -n 1 "$bed/bridge.log" | sed 's/\x1b\[[0-9;]*m//g' | cut -c 1-220)"
  ! is_up || failed "it says «owner» without rights"
  rd ACL SETUSER dozvon resetkeys '~dz:*' >"$bed/said"
  mended
  gone "$bridge" && bridge_start
  until_true 20 is_up || failed "it does not start with the rights"
  orders 2
  goes_on
}
names_rights() { cat "$bed/bridge.log" "$bed/bridge.out" | grep -Eq 'dz:.*(right|permission|ACL|NOPERM)|(right|permission|ACL|NOPERM).*dz:'; }
