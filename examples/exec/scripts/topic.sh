# A topic of a message queue, which here is a file.
set -eu
. scripts/question.sh

name=$(field name)
place=data/topics/$name

answer() {
    printf '{"id":"%s","outputs":{"address":"queue://%s","retention":"%s"}}\n' \
        "$name" "$name" "$(cat "$place")"
}

case $1 in
create | update)
    mkdir -p data/topics
    field retention >"$place"
    answer
    ;;
read | find) if [ -e "$place" ]; then answer; else echo null; fi ;;
delete) rm -f "$place" ;;
esac
