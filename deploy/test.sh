#!/usr/bin/env bash
# Runs every test, and plays the short list of faults. Needs Rust and a C compiler; brings the rest itself: Debian's
# redis-server and what deploy/faults.sh names are installed when they are missing, and each suite starts its own
# servers on free loopback ports with folders of their own, so that nothing on this machine is touched.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v redis-server >/dev/null; then
  echo "redis-server is missing: installing Debian's package"
  as_root=""
  [ "$(id -u)" = 0 ] || as_root=sudo
  $as_root apt-get update -qq
  # Only the program is wanted: a policy of 101 keeps the package from starting a service.
  printf '#!/bin/sh\nexit 101\n' | $as_root tee /usr/sbin/policy-rc.d >/dev/null
  $as_root chmod +x /usr/sbin/policy-rc.d
  DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq redis-server
  $as_root rm -f /usr/sbin/policy-rc.d
fi

cargo test --workspace --locked "$@"
# The example proxies, with those that are installed here.
if [ $# = 0 ]; then deploy/proxies.sh; fi
# The faults that matter most, on the program that the tests have built. A filter means the tests alone.
if [ $# = 0 ]; then deploy/faults.sh --short --program "${CARGO_TARGET_DIR:-target}/debug/dozvon"; fi
