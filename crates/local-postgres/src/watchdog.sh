# Stops a server when no program uses it any more. $1 is the data directory.
#
# Every program that uses the server holds the shared lock `users`. The kernel releases it when a program
# ends, even by kill -9, so the exclusive lock means that there are no users.
dir=$1
trap '' HUP INT TERM
cd / || exit 1

# Opening a pipe would wait for a writer, with the locks that are held by then.
is_file() { [ -f "$1" ]; }

is_file "$dir/locks/watchdog" && is_file "$dir/locks/users" || exit 1
exec 8<"$dir/locks/watchdog" 9<"$dir/locks/users" || exit 1
flock -n 8 || exit 0 # one watchdog is enough

while :; do
    flock 9 || exit 1
    is_file "$dir/locks/mode" && read -r mode linger <"$dir/locks/mode" || exit 0
    [ "$mode" = leased ] || exit 0
    [ "$linger" = 0 ] && break
    # Every user increments the counter in `users`, so a user in between is detected.
    is_file "$dir/locks/users" || exit 0
    before=$(cat "$dir/locks/users")
    flock -u 9
    sleep "$linger"
    flock -n 9 || continue
    is_file "$dir/locks/users" && [ "$before" = "$(cat "$dir/locks/users")" ] && break
    flock -u 9
done

# A server cannot start now, because that requires the lock `users`.
is_file "$dir/pg/postmaster.pid" && read -r pid <"$dir/pg/postmaster.pid" || exit 0
case $pid in '' | *[!0-9]*) exit 0 ;; esac
if [ -d /proc/self/fd ]; then
    # The server has the lock `server` as standard input; another process with its id does not.
    [ "/proc/$pid/fd/0" -ef "$dir/locks/server" ] || exit 0
elif flock -n "$dir/locks/server" true; then
    exit 0
fi
kill -INT "$pid" || exit 1
# Wait until the last process of the server has exited.
flock "$dir/locks/server" true
