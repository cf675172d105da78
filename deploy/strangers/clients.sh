#!/usr/bin/env bash
# Published clients of the platforms against the stand-ins, one after the other, each with fresh ones. A part of
# strangers.sh.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$here/common.sh"
: "${work:?}" "${program:?}"

# run NAME VERSION COMMAND…
run() {
  export WHO=$1 VERSION=$2
  shift 2
  local errors=$work/clients/$WHO/errors
  apart bash "$here/clients/inside.sh" "$work/clients/$WHO" "$program" "$@" 2> "$errors" || {
    told "$WHO" "$VERSION" "the client itself" failed "$(tail -n 1 "$errors")"
  }
}

# from_pypi SCRIPT PACKAGE VERSION
from_pypi() {
  local venv=$work/clients/$2/venv
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check "$2==$3"
  run "$2" "$3" "$venv/bin/python" "$here/clients/$1"
}

# from_npm SCRIPT PACKAGE VERSION [PACKAGE@VERSION…]
from_npm() {
  local folder=$work/clients/$2
  mkdir -p "$folder"
  npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$folder" "$2@$3" "${@:4}" > /dev/null
  NODE_PATH=$folder/node_modules run "$2" "$3" node "$here/clients/$1"
}

from_pypi with_aioamocrm.py aioamocrm 0.1.1
from_pypi with_amocrm_api.py amocrm-api 2.6.1
from_pypi with_amochka.py amochka 0.7.0
from_npm with_amocrm_js.js amocrm-js 3.6.0
from_npm with_amo.js @shevernitskiy/amo 0.1.12
from_npm with_n8n_getcourse.js n8n-nodes-getcourse 0.2.2 n8n-workflow@2.41.0
from_pypi with_mango.py Python-Mango-Office-API 3.7.4
from_pypi with_sipuni.py sipuni-api 0.0.1.1
