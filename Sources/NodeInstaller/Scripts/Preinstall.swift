/// The `preinstall` of `server.pkg`: stops a running server. The same text in every package.
let preinstallScript = #"""
    #!/bin/sh
    # Pkgmill: stops a running server, so that no program is replaced while it runs.
    #
    # The same text in every package. Arguments, as Installer gives them: package, destination, target volume. On a
    # volume other than / nothing runs, and nothing is stopped.
    set -eu

    label=com.pkgmill.server
    wait_seconds=60

    if [ "$#" -lt 3 ]; then
        printf 'pkgmill: usage: preinstall PACKAGE DESTINATION VOLUME\n' >&2
        exit 1
    fi
    if [ "$3" != / ]; then exit 0; fi

    is_loaded() { launchctl print "system/$label" >/dev/null 2>&1; }

    if ! is_loaded; then exit 0; fi
    launchctl bootout "system/$label" >/dev/null 2>&1 || :
    waited=0
    while is_loaded; do
        if [ "$waited" -ge "$wait_seconds" ]; then
            printf 'pkgmill: %s still runs after %s seconds; stop it with: sudo launchctl bootout system/%s\n' \
                "$label" "$wait_seconds" "$label" >&2
            exit 1
        fi
        waited=$((waited + 1))
        sleep 1
    done
    printf 'pkgmill: %s is stopped\n' "$label"

    """#
