#!/usr/bin/env bash
# Installs the vendors' own clients beside the counterparts, to drive our fakes with them:
# tests/counterparts/clients.rs. Needs npm and Python 3.
set -euo pipefail
home=${COUNTERPARTS_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/prov-counterparts}
mkdir -p "$home/clients" "$home/py"
cd "$home/clients"
[ -f package.json ] || printf '{ "private": true }\n' >package.json
npm install --no-fund --no-audit --omit=optional \
    cloudflare@7.3.0 @neondatabase/api-client@2.7.3 @netlify/api@15.1.2 wrangler@4.86.0 | tail -1
python3 -m venv "$home/py/clients"
"$home/py/clients/bin/pip" install -q hcloud==2.27.0
