# shellcheck shell=bash disable=SC2034,SC2154
# A command that amoCRM refuses for good blocks nobody, and what `dead retry` makes is the order's own (F71, F72).

# A stage that the account does not have: a create is answered 400.
wrong_stage() { sed -i 's/new = 66104106, in_work/new = 66104999, in_work/' "$bed/config/schools/rost/school.toml"; }
right_stage() { sed -i 's/new = 66104999, in_work/new = 66104106, in_work/' "$bed/config/schools/rost/school.toml"; }

plays dead_lead short
fault_dead_lead() {
  local id
  what "amoCRM refuses leads (a deleted stage), is mended, \`dead retry\` of the leads; then a payment"
  config_edit=wrong_stage
  bed_up redis
  strike
  one_client +79035550001 5512874
  orders 1
  until_true 10 dead_leads || failed "there are not two dead leads within 10 s: $(cat "$bed/dead.err")"
  saw "$(since "$struck")"
  said 'ALARM\|dead letter' || failed "the log does not say that amoCRM refused something for good"
  right_stage
  until_true 15 said "the configuration was read again" || failed "the mended configuration is not taken"
  sleep 2
  # Nobody retries yet: the client's next order and other clients do not wait for the dead lead.
  mended
  one_client +79035550001 5512875
  orders 1
  others_go_on 10
  for id in $(awk '{ print $1 }' "$bed/letters" | grep '\.1-'); do
    dead retry rost "$id" >>"$bed/said" 2>>"$bed/dead.err" || failed "retry: $(tail -n 1 "$bed/dead.err")"
  done
  mended
  goes_on 10
  # What was made late is the order's own: it is won, and nobody is asked to call.
  pay 2
  goes_on 15
  well
}

# Both refused leads are dead letters: a lead is the first command of its order.
dead_leads() { dead_letters && [ "$(awk '{ print $1 }' "$bed/letters" | grep -c '\.1-')" -ge 2 ]; }

# The orders of line 3 and 4 stand, while the first two are dead.
others_go_on() {
  until_true "$1" others_stand || failed "the client's next order or another client waits for a dead lead: $(jq -c .lost "$bed/outcome")"
}
others_stand() {
  look outcome "$bed" || true
  ! jq -r '.lost[]' "$bed/outcome" | grep -qFf <(sed -n 3,4p "$bed/orders")
}

# An order of a client with this phone.
one_client() {
  curl -s -m 10 --data-urlencode "phone=$1" -d email=one-client@example.com -d "offer=$2" -X POST \
    "http://127.0.0.1:$getcourse_port/sandbox/orders" | jq -r .id >>"$bed/orders"
}
