#!/bin/sh
# Prints a config for the tenants given as arguments. Any program that prints JSON will do.
set -eu

instances=
for tenant in "$@"; do
    instances="$instances${instances:+,}
    { \"ref\": \"$tenant\", \"service\": \"local-sqlite\", \"name\": \"$tenant\",
      \"params\": { \"path\": \"data/$tenant.db\" } }"
done

cat <<JSON
{
  "project": "tenants",
  "instances": [$instances
  ]
}
JSON
