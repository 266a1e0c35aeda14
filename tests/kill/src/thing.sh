# A thing of the project's own commands: a file `objects/NAME/ID`, where every creation makes an ID of
# its own, so that one made twice is there twice. `thing.sh KIND VERB`; a `slow` one is in progress
# until it was looked at.
set -eu
question=$(cat)
question=${question%%,\"previous\":*}

field() {
    printf '%s\n' "$question" | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"
}

kind=$1 verb=$2
name=$(field name)
place=objects/$name

answer() {
    for object in "$place"/*; do
        [ -e "$object" ] || break
        case $object in *.starting) continue ;; esac
        printf '{"id":"%s","outputs":{"address":"%s","text":"%s"}}\n' \
            "${object##*/}" "$name" "$(cat "$object")"
        return
    done
    echo null
}

case $verb in
create | update | delete) sleep "${THING_BEFORE:-0}" ;;
esac
case $verb in
create)
    [ -z "${THING_KILLS:-}" ] || kill -9 "$PPID"
    mkdir -p "$place"
    id=$$-$(date +%s%N)
    field text >"$place/.$id"
    mv "$place/.$id" "$place/$id"
    sleep "${THING_AFTER:-0}"
    if [ "$kind" = slow ]; then
        : >"starting-$name"
        printf '{"id":"%s","state":"in progress","operation":"start"}\n' "$id"
    else
        answer
    fi
    ;;
update)
    field text >"$place/.new"
    mv "$place/.new" "$place/$(field id)"
    sleep "${THING_AFTER:-0}"
    answer
    ;;
read)
    rm -f "starting-$name"
    answer
    ;;
find) answer ;;
delete)
    rm -rf "$place"
    sleep "${THING_AFTER:-0}"
    ;;
esac
