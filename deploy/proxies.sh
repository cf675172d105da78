#!/usr/bin/env bash
# Checks the example proxies with those that this machine has: their configuration is valid, a request arrives whole
# and with its sender, and neither the school's secret nor a query stands in any of their logs. Needs python3, curl
# and openssl; a proxy that is missing is said and left out.
set -euo pipefail
cd "$(dirname "$0")/.."

bed=$(mktemp -d)
running=()
trap 'for id in "${running[@]}"; do kill "$id" 2>/dev/null || true; done; rm -rf "$bed"' EXIT
free() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
backend=$(free)
port=$(free)

# Answers with what it was asked, and who is said to have asked.
cat >"$bed/backend.py" <<'PY'
import http.server, sys
class Echo(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        said = (self.path + " from " + str(self.headers.get("x-forwarded-for"))).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Echo).serve_forever()
PY

start_backend() {
  python3 "$bed/backend.py" "$backend" 2>/dev/null &
  running+=($!)
  answers "http://127.0.0.1:$backend/"
}
# Asks until somebody answers.
answers() { curl -sk --retry 50 --retry-delay 0 --retry-connrefused --retry-max-time 20 -o /dev/null "$1"; }

# The proxy at $2 keeps what SECURITY needs; its logs are the files behind it.
check() {
  local name=$1 url=$2 query said
  shift 2
  query="name=%D0%90%D0%BD%D1%8F&phone=79035550127"
  said=$(curl -sk -H 'X-Forwarded-For: 192.0.2.66' "$url/hooks/rost/getcourse/the-secret-0001/order-created?$query")
  [ "$said" = "/hooks/rost/getcourse/the-secret-0001/order-created?$query from 127.0.0.1" ] || fail "$name: $said"
  [ "$(curl -sk -o /dev/null -w '%{http_code}' "$url/hooks/rost/getcourse/the-secret-0001/x?q=$(printf 'a%.0s' {1..30000})")" = 200 ] || fail "$name refuses a long query"
  [ "$(head -c 3000000 /dev/zero | curl -sk -o /dev/null -w '%{http_code}' -H 'Expect:' --data-binary @- "$url/hooks/rost/getcourse/the-secret-0001/")" != 200 ] || fail "$name takes any body"
  [ "$(curl -sk -o /dev/null -w '%{http_code}' "$url/health")" = 404 ] || fail "$name shows more than /hooks/"
  # With nobody behind it, its errors are logged.
  kill "${running[-1]}" && wait "${running[-1]}" 2>/dev/null || true
  [ "$(curl -sk -o /dev/null -w '%{http_code}' "$url/hooks/rost/getcourse/the-secret-0001/y?$query")" = 502 ] || fail "$name: no 502"
  if grep -l 'the-secret-0001\|79035550127' "$@"; then fail "$name logs what it must not"; fi
  grep -q 'hooks/rost/getcourse/' "$@" || fail "$name logs nothing"
  echo "proxies: $name is right"
}
fail() { echo "proxies: $*" >&2; exit 1; }

if command -v nginx >/dev/null; then
  openssl req -x509 -newkey rsa:2048 -nodes -keyout "$bed/key.pem" -out "$bed/cert.pem" -subj /CN=bridge -days 1 2>/dev/null
  sed -e "s#/etc/ssl/bridge.school.example/fullchain.pem#$bed/cert.pem#" \
    -e "s#/etc/ssl/bridge.school.example/privkey.pem#$bed/key.pem#" -e "s#/var/log/nginx#$bed#" \
    -e "s#listen 443 ssl#listen 127.0.0.1:$port ssl#" -e '/listen \[::\]/d' -e "s#127.0.0.1:8080#127.0.0.1:$backend#" \
    deploy/nginx.conf >"$bed/bridge.conf"
  printf 'pid %s/pid; error_log %s/errors.log; daemon off; events {}\nhttp { include %s/bridge.conf; }\n' "$bed" "$bed" "$bed" >"$bed/nginx.conf"
  nginx -q -t -c "$bed/nginx.conf" -e "$bed/errors.log"
  nginx -c "$bed/nginx.conf" -e "$bed/errors.log" &
  running+=($!)
  start_backend
  answers "https://127.0.0.1:$port/"
  check nginx "https://127.0.0.1:$port" "$bed/dozvon.log" "$bed/dozvon-error.log" "$bed/errors.log"
else
  echo "proxies: nginx is not installed, deploy/nginx.conf is not checked"
fi

port=$(free)
if command -v caddy >/dev/null; then
  export XDG_DATA_HOME=$bed XDG_CONFIG_HOME=$bed
  sed "s#/var/log/caddy#$bed/caddy#" deploy/Caddyfile >"$bed/Caddyfile"
  caddy validate --adapter caddyfile --config "$bed/Caddyfile" >/dev/null 2>"$bed/caddy.out" || fail "caddy: $(cat "$bed/caddy.out")"
  sed -i "s#^bridge.school.example {#http://127.0.0.1:$port {#; s#127.0.0.1:8080#127.0.0.1:$backend#" "$bed/Caddyfile"
  caddy run --adapter caddyfile --config "$bed/Caddyfile" >"$bed/caddy.out" 2>&1 &
  running+=($!)
  start_backend
  answers "http://127.0.0.1:$port/"
  check caddy "http://127.0.0.1:$port" "$bed/caddy/dozvon.log" "$bed/caddy.out"
else
  echo "proxies: caddy is not installed, deploy/Caddyfile is not checked"
fi
