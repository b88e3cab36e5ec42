# Stops a server when no program uses it any more. $1 is the data directory.
#
# Every program that uses the server shares the lock `users`. The kernel takes a share back when
# a program ends, even by kill -9, so having that lock alone means that there is no user left.
dir=$1
trap '' HUP INT TERM
cd / || exit 1
exec 8<"$dir/locks/watchdog" 9<"$dir/locks/users" || exit 1
flock -n 8 || exit 0 # one watchdog is enough

while :; do
    flock 9 || exit 1
    read -r mode linger <"$dir/locks/mode" || exit 0
    [ "$mode" = leased ] || exit 0
    [ "$linger" = 0 ] && break
    # The count in `users` goes up with every user, so a visitor who is gone again is noticed.
    before=$(cat "$dir/locks/users")
    flock -u 9
    sleep "$linger"
    flock -n 9 || continue
    [ "$before" = "$(cat "$dir/locks/users")" ] && break
    flock -u 9
done

# Nobody can start a server now, because that takes a share of `users` first.
read -r pid <"$dir/pg/postmaster.pid" || exit 0
case $pid in '' | *[!0-9]*) exit 0 ;; esac
if [ -d /proc/self/fd ]; then
    # Our servers have the lock `server` as standard input; a reused process id has not.
    [ "/proc/$pid/fd/0" -ef "$dir/locks/server" ] || exit 0
elif flock -n "$dir/locks/server" true; then
    exit 0
fi
kill -INT "$pid" || exit 1
# Until the last process of the server is gone.
flock "$dir/locks/server" true
