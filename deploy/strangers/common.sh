# shellcheck shell=bash
# Sourced by the parts: fetching packages, and a place of one's own. Expects `work`, the temporary folder.

# fetch_debs FOLDER PACKAGE=VERSION…: with what they need and this system lacks; installs nothing.
fetch_debs() {
  local folder=$1
  shift
  mkdir -p "$folder/packages/partial"
  apt-get install --download-only --reinstall --no-install-recommends -y -qq \
    -o Dir::Cache::archives="$folder/packages" -o APT::Sandbox::User=root -o Debug::NoLocking=1 "$@" > /dev/null
}

# apart COMMAND…: in namespaces of its own, all of which end with it.
apart() {
  unshare --mount --net --pid --fork --mount-proc --kill-child "$@"
}

# told WHO VERSION WHAT RESULT [REASON]
told() {
  printf '%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$4" "${5:-}"
}
