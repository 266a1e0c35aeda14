# Reads the question that prov asks on standard input:
#   {"ref":…,"name":…,"id":…,"input":{…},"previous":{…},"idempotency_key":…}
# `field KEY` prints a text of it. What comes from `previous` on is left out: it has the same keys.
question=$(cat)
question=${question%%,\"previous\":*}

field() {
    printf '%s\n' "$question" | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"
}
