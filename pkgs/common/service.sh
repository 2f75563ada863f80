# service.sh - start, stop, restart and remove of an app with one daemon; read by the app's own service script.
#
# The app's script sets NAME, DAEMON (a program in bin/) and CONFIG (its settings). The daemon returns when it
# listens and has written its pid file, so a start that succeeds is a start. Numbers of processes are used again: a
# pid is believed only if that process has the daemon's name and carries this app's environment.

export QPKG_NAME="$NAME" QPKG_ROOT
PIDFILE="${APPCENTER_ROOT:-}/var/run/$NAME.pid"

# The pid in the pid file, if it is a live process of this app on this NAS. An environment that cannot be read (the
# daemon lives in another user namespace) says nothing; then the name decides.
running_pid() {
    pid=$(cat "$PIDFILE" 2>/dev/null) || return 1
    case "$pid" in '' | *[!0-9]*) return 1 ;; esac
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$DAEMON" ] || return 1
    if grep -q '^State:.*zombie' "/proc/$pid/status" 2>/dev/null; then return 1; fi
    marks=$(tr '\0' '\n' 2>/dev/null <"/proc/$pid/environ")
    if [ -n "$marks" ]; then
        carries "QPKG_ROOT=$QPKG_ROOT" || return 1
        carries "APPCENTER_INSTANCE=${APPCENTER_INSTANCE:-}" || [ -z "${APPCENTER_INSTANCE:-}" ] || return 1
    fi
    echo "$pid"
}

carries() {
    printf '%s\n' "$marks" | grep -qxF -- "$1"
}

# Is it gone within so many tenths of a second?
is_gone_within() {
    tenths=$1
    while running_pid >/dev/null; do
        [ "$tenths" -gt 0 ] || return 1
        tenths=$((tenths - 1))
        sleep 0.1
    done
}

start() {
    if pid=$(running_pid); then
        echo "$NAME runs already (process $pid)"
        return 0
    fi
    rm -f "$PIDFILE"
    mkdir -p "${PIDFILE%/*}" "$QPKG_ROOT/logs" || return 1
    cd "$QPKG_ROOT" || return 1
    "$QPKG_ROOT/bin/$DAEMON" "$PIDFILE" "$CONFIG" || return 1
    echo "$NAME started"
}

stop() {
    if ! pid=$(running_pid); then
        rm -f "$PIDFILE"
        echo "$NAME does not run"
        return 0
    fi
    kill -TERM "$pid" 2>/dev/null
    if ! is_gone_within 100; then
        kill -KILL "$pid" 2>/dev/null
        if ! is_gone_within 30; then
            echo "$NAME: process $pid will not end" >&2
            return 1
        fi
    fi
    rm -f "$PIDFILE"
    echo "$NAME stopped"
}

case "${1:-}" in
start) start ;;
stop | remove) stop ;;
restart) stop && start ;;
*)
    echo "usage: $NAME.sh start|stop|restart|remove" >&2
    exit 2
    ;;
esac
