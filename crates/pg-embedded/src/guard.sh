# Runs the server and stops it when nobody uses the cluster any more.
# Arguments: lock file of the users, marker file of a kept server, way to wait, server command...
users=$1 keep=$2 waiter=$3
shift 3

# A closed terminal is no reason to stop.
trap '' HUP

# Standard input is a pipe from the process that started the guard; the server must not hold it, nor
# anything that process had inherited itself.
exec 3<&0 </dev/null 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-

# If the guard is killed the kernel interrupts the server, which is a fast shutdown.
if setpriv --pdeathsig INT true 2>/dev/null; then
    set -- setpriv --pdeathsig INT "$@"
fi

if [ "$waiter" = auto ]; then
    if command -v flock >/dev/null; then
        waiter=flock
    elif command -v perl >/dev/null; then
        waiter=perl
    else
        waiter=pipe
    fi
fi

"$@" 3<&- &
server=$!

# Repeated, because a server that is just being started may not listen to signals yet. The exclusive lock is held
# meanwhile, so that whoever wants to use the cluster waits until the server is down. A process that has ended
# and is not collected by its parent (the first process of a container, say) takes signals for ever; it has no
# working directory any more.
finish='[ -e "$2" ] && exit
while kill -INT "$1" 2>/dev/null; do
    [ -e /proc/self/cwd ] && [ ! -e "/proc/$1/cwd" ] && exit
    sleep 0.1
done'

case $waiter in
flock)
    flock -x "$users" sh -c "$finish" sh "$server" "$keep" 3<&- &
    ;;
perl)
    perl -e 'open(F, "<", shift) or exit 1; flock(F, 2) or exit 1; system @ARGV' \
        "$users" sh -c "$finish" sh "$server" "$keep" 3<&- &
    ;;
*)
    {
        read -r _ <&3
        sh -c "$finish" sh "$server" "$keep"
    } &
    ;;
esac
watcher=$!
exec 3<&-

wait "$server"
status=$?
kill "$watcher" 2>/dev/null
exit "$status"
