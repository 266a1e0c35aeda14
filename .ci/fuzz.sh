#!/usr/bin/env bash
# Has libFuzzer look for bytes that a target of fuzz/ does not stand.
#
#   .ci/fuzz.sh [--seconds N | --minutes N] [--keep] [TARGET …]
#
# --seconds N  for each target (8 when nothing is said); our crates are watched, nothing is optimised
# --minutes N  for all targets together; what comes from outside is watched too, and all is optimised
# --keep       what was found goes into fuzz/corpus, as few and small inputs as reach the same
#
# Needs no cargo-fuzz and no nightly Rust. What no longer stands is shown as a file, and ends with 1.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=8 minutes= keep=
while [ $# -gt 0 ]; do
    case $1 in
        --seconds) seconds=$2; shift 2 ;;
        --minutes) minutes=$2; shift 2 ;;
        --keep) keep=yes; shift ;;
        *) break ;;
    esac
done
if [ $# -eq 0 ]; then
    set -- $(ls fuzz/corpus)
fi

if ! command -v c++ >/dev/null; then
    apt-get install -qy g++ >/dev/null 2>&1 || true
fi
if ! command -v c++ >/dev/null; then
    echo 'NOT PROVEN: fuzzing, because libFuzzer needs a C++ compiler'
    exit 0
fi

built=${CARGO_TARGET_DIR:-target}
if [ -n "$minutes" ]; then
    seconds=$((minutes * 60 / $#))
    host=$(rustc -vV | sed -n 's/^host: //p')
    export CARGO_TARGET_DIR=$built/fuzz CARGO_PROFILE_RELEASE_STRIP=none
    export CARGO_PROFILE_RELEASE_DEBUG=line-tables-only
    RUSTFLAGS="$(.ci/rustc-fuzzed --flags) -Cdebug-assertions -Coverflow-checks" \
        cargo build -q --release --locked -p prov-fuzz --features libfuzzer --bins --target "$host"
    programs=$built/fuzz/$host/release
else
    if ! RUSTC_WORKSPACE_WRAPPER=$PWD/.ci/rustc-fuzzed \
        cargo build -q --locked -p prov-fuzz --features libfuzzer --bins; then
        echo 'NOT PROVEN: fuzzing, because this toolchain cannot build it'
        exit 0
    fi
    programs=$built/debug
fi

# Folders of migrations are really written; where there is one, to a disk in memory.
if [ -w /dev/shm ]; then
    export TMPDIR=/dev/shm
fi
work=$built/fuzz/work
limits=(-rss_limit_mb=1024 -timeout=10 -max_len=16384)
found=0
printf '%-12s %12s %8s %10s %9s %8s\n' target executions each/s edges features inputs
for target in "$@"; do
    mkdir -p "$work/$target" "$work/found"
    options=("${limits[@]}" -max_total_time="$seconds" -artifact_prefix="$work/found/$target-")
    if [ -f "fuzz/dict/$target.dict" ]; then
        options+=(-dict="fuzz/dict/$target.dict")
    fi
    log=$work/$target.log
    if ! "$programs/$target" "${options[@]}" -print_final_stats=1 \
        "$work/$target" "fuzz/corpus/$target" 2>"$log"; then
        found=1
        printf '%s does not stand an input:\n' "$target"
        grep -vE '^(#|INFO:|WARNING:|Dictionary:|\s+NEW_FUNC)' "$log" | head -40
        continue
    fi
    last=$(grep -E '^#[0-9]+.* cov: ' "$log" | tail -1)
    number() { sed -nE "s/.* $1: ([0-9]+).*/\1/p" <<<"$last"; }
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    each=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")
    printf '%-12s %12s %8s %10s %9s %8s\n' "$target" "$runs" "$each" "$(number cov)" \
        "$(number ft)" "$(number corp)"
    if [ -n "$keep" ]; then
        rm -rf "$work/merged"
        mkdir "$work/merged"
        "$programs/$target" "${limits[@]}" -merge=1 -max_len=2048 "$work/merged" \
            "fuzz/corpus/$target" "$work/$target" 2>/dev/null
        rm -rf "fuzz/corpus/$target"
        cp -r "$work/merged" "fuzz/corpus/$target"
    fi
done
exit $found
