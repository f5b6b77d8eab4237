#!/bin/sh
# Makes what compose.yml wants in ./secrets, and keeps what is there. Valkey gets its passwords as hashes only.
# To change one: remove its file and secrets/valkey_users.acl, run this again, and restart what uses it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-$here/../secrets}
umask 077
mkdir -p "$folder" # for its owner only; the files in it can be read by the containers' users
cd "$folder"

for name in webui_secret_key postgres_password postgres_exporter_password grafana_password valkey_node_password \
    valkey_worker_password valkey_operator_password valkey_producer_password; do
    [ -s "$name" ] || head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n' > "$name"
    chmod 644 "$name"
done

if [ ! -s valkey_users.acl ]; then
    # `user NAME on …` becomes `user NAME on #HASH …`, where there is a password for NAME.
    grep '^user ' "$here/valkey/users.acl" | while read -r word name state rules; do
        hash=
        [ ! -s "valkey_${name}_password" ] || hash="#$(sha256sum < "valkey_${name}_password" | cut -d' ' -f1) "
        printf '%s %s %s %s%s\n' "$word" "$name" "$state" "$hash" "$rules"
    done > valkey_users.acl.new
    chmod 644 valkey_users.acl.new
    mv valkey_users.acl.new valkey_users.acl
fi
echo "in $(pwd): $(ls | tr '\n' ' ')"
