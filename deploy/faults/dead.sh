# A command that amoCRM refuses for good blocks nobody, and what `dead retry` makes is the order's own (F71, F72).

# A stage that the account does not have: a create is answered 400.
wrong_stage() { sed -i 's/new = 66104106, in_work/new = 66104999, in_work/' "$bed/config/schools/rost/school.toml"; }
right_stage() { sed -i 's/new = 66104999, in_work/new = 66104106, in_work/' "$bed/config/schools/rost/school.toml"; }

dead_letters() { dead list rost --max 1000 >"$bed/letters" 2>"$bed/dead.err"; [ -s "$bed/letters" ]; }

plays dead_lead short
fault_dead_lead() {
  local id
  what "amoCRM refuses leads (a deleted stage), is mended, \`dead retry\`"
  config_edit=wrong_stage
  bed_up redis
  strike
  # Two orders of one client, and one of another.
  one_client 555001
  one_client 555001
  orders 1
  noticed "ALARM: it cannot be processed\|dead letter\|refused" 10
  until_true 15 dead_letters || failed "no dead letter: $(cat "$bed/dead.err")"
  right_stage
  until_true 15 said "changed\|reload\|another configuration\|restarted" || failed "the mended configuration is not taken"
  sleep 2
  mended
  orders 1
  for id in $(awk '{ print $1 }' "$bed/letters" | tac); do
    dead retry rost "$id" >>"$bed/said" 2>>"$bed/dead.err" || failed "retry: $(tail -n 1 "$bed/dead.err")"
  done
  sleep 2
  dead_letters && for id in $(awk '{ print $1 }' "$bed/letters" | tac); do dead retry rost "$id" >>"$bed/said" 2>>"$bed/dead.err" || true; done
  goes_on 30
  pay 2
  goes_on 20
  well
}

# An order of a client with this phone, whose mail stands in the ledger as of any other.
one_client() {
  curl -s -m 10 -d "phone=+7903$1" -d "phone=+79035550001" -d "email=one-client@example.com" -X POST \
    "http://127.0.0.1:$getcourse_port/sandbox/orders" | jq -r .id >>"$bed/orders"
}
