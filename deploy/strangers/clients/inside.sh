#!/usr/bin/env bash
# Runs one published client against the stand-ins, in a network of its own in which the platforms' real names are
# this machine: the client keeps its https addresses, and nothing can leave. Called by clients.sh under `unshare`.
#   inside.sh FOLDER PROGRAM COMMAND…
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$1 program=$2
shift 2
ip link set lo up
names=(rost.amocrm.ru www.amocrm.ru rost.getcourse.ru app.mango-office.ru sipuni.com)
echo "127.0.0.1 localhost ${names[*]}" > "$folder/hosts"
mount --bind "$folder/hosts" /etc/hosts
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=stand-ins \
  -addext "subjectAltName=$(printf 'DNS:%s,' "${names[@]}")DNS:localhost" \
  -keyout "$folder/key.pem" -out "$folder/cert.pem" 2> /dev/null
export REQUESTS_CA_BUNDLE=$folder/cert.pem SSL_CERT_FILE=$folder/cert.pem NODE_EXTRA_CA_CERTS=$folder/cert.pem
python3 "$here/platforms.py" "$folder" "$program" "$@"
