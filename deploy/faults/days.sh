# shellcheck shell=bash disable=SC2034,SC2154
# Three days without a platform, on the driven clock: connections are refused, the platform tells nothing. Clients order
# and pay each day. What waited is done after the return, and what was never told is found by reading.

# `away PLATFORM STORE`
away() {
  local until
  what "three days without $1, over $2"
  long=yes proxied=yes
  sandbox_preload="$preload_so"
  serve_args="--driven-from $(date -u +%FT%TZ)"
  until="$(date -u -d '+3 days 2 hours' +%FT%TZ)"
  mkfifo "$bed/stdin"
  # Both ends are ours, so that the bridge's input does not end before it.
  exec 9<>"$bed/stdin"
  clock sandbox +0
  # From the third hour on, for three days.
  if [ "$1" != mail ]; then
    silence="[faults.$1]
silences = [{ from = \"$(date -u -d '+2 hours' +%FT%TZ)\", to = \"$until\" }]"
  fi
  bed_up "$2"
  strike
  python3 "$here/days.py" "$bed" "$1" 3 2>"$bed/days.err" || failed "$(tail -n 1 "$bed/days.err")"
  ! said panicked || failed "a panic in the log"
  if [ -n "${line:-}" ]; then
    curl -s -m 5 "http://127.0.0.1:$operation_port/health" | jq -e ".schools.rost.look_back.$line.found > 0" >"$bed/found" ||
      failed "the call of the first day was not found in the statistics"
  fi
  dead_letters && failed "$(wc -l <"$bed/letters") dead letters: $(head -n 1 "$bed/letters" | cut -c -150)"
  true
}

plays days_amocrm
fault_days_amocrm() { away amocrm redis; }
plays days_getcourse
fault_days_getcourse() { away getcourse embedded; }
plays days_mail
fault_days_mail() { away mail embedded; }
plays days_mango
fault_days_mango() { line=mango; away mango embedded; }
# The others stand commented out in the example, up to the next `#` alone.
line_in() { sed -i -E "/^#\[$line\]/,/^#?\$/ s/^#([^#])/\1/" "$bed/config/schools/rost/school.toml"; }
plays days_sipuni
fault_days_sipuni() { line=sipuni config_edit=line_in; away sipuni embedded; }
plays days_telphin
fault_days_telphin() { line=telphin config_edit=line_in; away telphin embedded; }
plays days_zadarma
fault_days_zadarma() { line=zadarma config_edit=line_in; away zadarma embedded; }
