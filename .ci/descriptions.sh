#!/usr/bin/env bash
# Fetches descriptions that providers publish as packages, into the counterparts' home, where the
# tests look for them. Needs npm.
set -euo pipefail
home=${COUNTERPARTS_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/prov-counterparts}
specs=$home/specs
mkdir -p "$specs"
work=$(mktemp -d "$specs/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT

# fetch PROVIDER PACKAGE@VERSION FILE: one file of a package. The rest is left packed: GitHub's alone
# would unpack to 385 MB.
fetch() {
    local target=$specs/$1.json source=$specs/$1.source
    if [ -f "$target" ] && [ "$(cat "$source" 2>/dev/null)" = "$2" ]; then
        return
    fi
    (cd "$work" && npm pack --silent "$2" >"$1.name")
    tar -xzf "$work/$(cat "$work/$1.name")" -C "$work" "package/$3"
    mv "$work/package/$3" "$target"
    printf '%s\n' "$2" >"$source"
}

fetch github @octokit/openapi@23.0.2 generated/api.github.com.json
