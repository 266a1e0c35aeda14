# A worker that takes a while to start: it is ready when it was looked at twice.
set -eu
. scripts/question.sh

name=$(field name)
place=data/workers/$name

answer() {
    printf '{"id":"%s","outputs":{"topic":"%s"}}\n' "$name" "$(cat "$place")"
}

start() {
    mkdir -p data/workers
    field topic >"$place"
    echo starting >"$place.starting"
    printf '{"id":"%s","state":"in progress","operation":"start"}\n' "$name"
}

case $1 in
create | update) start ;;
read)
    if [ ! -e "$place" ]; then
        echo null
    elif [ -e "$place.starting" ]; then
        rm "$place.starting"
        echo '{"state":"in progress","description":"starting"}'
    else
        answer
    fi
    ;;
find) if [ -e "$place" ]; then answer; else echo null; fi ;;
delete) rm -f "$place" "$place.starting" ;;
esac
