/// `uninstall.sh`, which `node.pkg` installs beside its documentation. The same text in every package.
let uninstallScript = #"""
    #!/bin/sh
    # Pkgmill: takes this node off the Mac. Asks nothing and says what it did.
    #
    #   sudo sh /usr/local/pkgmill/share/pkgmill-node/uninstall.sh            keeps the configuration and the log
    #   sudo sh /usr/local/pkgmill/share/pkgmill-node/uninstall.sh --purge    removes them as well
    set -eu

    label=com.pkgmill.server
    plist=/Library/LaunchDaemons/$label.plist
    prefix=/usr/local/pkgmill
    folder='/Library/Application Support/Pkgmill'
    log=/var/log/fleet-server.log
    wait_seconds=60

    say() { printf 'pkgmill: %s\n' "$1"; }

    fail() {
        printf 'pkgmill: %s\n' "$1" >&2
        exit 1
    }

    is_loaded() { launchctl print "system/$label" >/dev/null 2>&1; }

    stop_server() {
        if ! is_loaded; then
            say "$label was not running"
            return
        fi
        launchctl bootout "system/$label" >/dev/null 2>&1 || :
        waited=0
        while is_loaded; do
            if [ "$waited" -ge "$wait_seconds" ]; then fail "$label does not stop; nothing was removed"; fi
            waited=$((waited + 1))
            sleep 1
        done
        say "stopped $label"
    }

    forget() {
        if pkgutil --forget "$1" >/dev/null 2>&1; then
            say "forgot the receipt $1"
        else
            say "there was no receipt $1"
        fi
    }

    # One function, called on the last line: the shell has read all of this file before the first thing is removed,
    # this file among them.
    uninstall() {
        purge=no
        for argument in "$@"; do
            case $argument in
            --purge) purge=yes ;;
            *) fail 'usage: uninstall.sh [--purge]' ;;
            esac
        done
        if [ "$(id -u)" != 0 ]; then fail 'only root can do this: run it with sudo'; fi
        receipts=$(cat "$prefix/share/pkgmill-node/receipts.txt")

        stop_server
        rm -f "$plist"
        say "removed $plist"
        rm -rf "$prefix"
        say "removed $prefix"
        for receipt in $receipts; do forget "$receipt"; done
        if [ "$purge" = yes ]; then
            rm -rf "$folder"
            say "removed $folder"
            rm -f "$log"
            say "removed $log"
        else
            say "kept $folder and $log; --purge removes them"
        fi
    }

    uninstall "$@"

    """#
