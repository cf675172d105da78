#!/usr/bin/env bash
# Letters of the bridge through Debian's mail servers, all at once: most of the time is the bridge's six minutes
# between two tries. A part of strangers.sh.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$here/common.sh"
: "${work:?}" "${program:?}"
trap 'kill $(jobs -p) 2> /dev/null || true' EXIT

apt-get update -qq
play() {
  local server=$1 package=$2 folder=$work/mail/$1
  mkdir -p "$folder"
  fetch_debs "$folder" "$package"
  VERSION=$(dpkg-deb -f "$folder/packages/${package%%=*}"_*.deb Version)
  export WHO=$server VERSION
  apart bash "$here/mail/inside.sh" "$server" "$folder" "$program" 2> "$folder/errors" || {
    told "$server" "$VERSION" "the server itself" failed "$(tail -n 1 "$folder/errors")"
  }
}
play postfix 'postfix=3.7.*' &
play exim 'exim4-daemon-light=4.96-*' &
play opensmtpd 'opensmtpd=6.8.0p2-*' &
wait
