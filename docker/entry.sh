#!/bin/sh
# Runs the command it is given, and when that ends or the container is told to stop, asks every process to end and waits.
# Workers lead sessions of their own, which neither docker nor its init tell: without this they would be killed when the
# command is gone, in the middle of an epoch and without a checkpoint. If they take too long, docker kills them after all.

# `kill -1` reaches every process of this user: only where that is the container's.
if [ "${HIERAPP_CONTAINER:-}" != 1 ] || { [ $$ -ne 1 ] && [ "$PPID" -ne 1 ]; }; then
    echo "docker/entry.sh is for the container only; elsewhere call its command directly: $*" >&2
    exit 2
fi

trap : TERM INT
"$@" &
command=$!
wait "$command"  # until it ends, or a signal comes
code=$?

trap '' TERM INT
kill -TERM -1 2>/dev/null
if kill -0 "$command" 2>/dev/null; then
    wait "$command"
    code=$?
fi
while kill -0 -1 2>/dev/null; do
    sleep 0.1
done
exit "$code"
