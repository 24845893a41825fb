/// The `postinstall` of `node.pkg`: puts the configuration in place and starts the server. The same text in every package.
///
/// It uses what every macOS has, by way of the PATH: sh, awk, cat, mv, chmod, chown, rm, tr, uuidgen, scutil, hostname,
/// launchctl, sleep. `PostinstallTests` runs it under several shells and awks.
let postinstallScript = #"""
    #!/bin/sh
    # Pkgmill: puts a node's configuration in place and starts its server.
    #
    # This is the same text in every package. What differs between nodes is read from config.yaml.new, which the
    # package lays down with mode 0600 in a folder of mode 0700, and none of it ever becomes part of a command.
    #
    # Arguments, as Installer gives them: package, destination, target volume. On a volume other than / the
    # configuration is put in place below that volume and nothing is started.
    set -eu
    umask 077
    LC_ALL=C
    export LC_ALL

    label=com.pkgmill.server
    start_retries=30

    say() { printf 'pkgmill: %s\n' "$1"; }

    fail() {
        printf 'pkgmill: %s\n' "$1" >&2
        exit 1
    }

    [ "$#" -ge 3 ] || fail 'usage: postinstall PACKAGE DESTINATION VOLUME'
    volume=$3
    case $volume in
    /*) ;;
    *) fail "the target volume must be an absolute path, not '$volume'" ;;
    esac
    while [ "${volume%/}" != "$volume" ]; do volume=${volume%/}; done

    folder="$volume/Library/Application Support/Pkgmill"
    plist=/Library/LaunchDaemons/$label.plist
    config=$folder/config.yaml
    incoming=$config.new          # what the package brings
    shipped=$config.shipped       # what the last package brought, placeholders filled in: the base of the next merge
    previous=$config.previous     # config.yaml as it was before the last installation that changed it
    resolved=$folder/.config.yaml.resolved
    merged=$folder/.config.yaml.merged
    saved=$folder/.config.yaml.saved

    # Whatever happens, no second copy of the secrets is left behind. After a failure config.yaml is as it was before,
    # and installing the package again brings config.yaml.new back.
    trap 'rm -f "$incoming" "$resolved" "$merged" "$saved"' EXIT
    trap 'exit 1' HUP INT TERM
    rm -f "$resolved" "$merged" "$saved"

    # The name of this Mac, made fit for a host name; empty when it has none.
    host_name() {
        for kind in LocalHostName ComputerName; do
            name=$(scutil --get "$kind" 2>/dev/null | host_label)
            if [ -n "$name" ]; then break; fi
        done
        if [ -z "$name" ]; then name=$(hostname 2>/dev/null | host_label); fi
        printf '%s\n' "$name"
    }

    host_label() {
        awk '
        { text = text (NR > 1 ? "-" : "") $0 }
        END {
            gsub(/[^A-Za-z0-9.-]+/, "-", text)
            gsub(/[.-]*[.][.-]*/, ".", text)
            sub(/^[.-]+/, "", text)
            text = substr(text, 1, 63)
            sub(/[.-]+$/, "", text)
            print text
        }'
    }

    # The node id in the present config.yaml, whatever the state of the rest of it; empty when there is none to be read.
    present_node_id() {
        CONFIG=$config awk '
        BEGIN {
            file = ENVIRON["CONFIG"]
            quote = sprintf("%c", 39)
            while ((getline line < file) > 0) {
                if (line ~ /^[^ \t#]/) inside = line ~ /^cluster:/
                if (!inside || line !~ /^[ \t]+node_id:[ \t]/) continue
                sub(/^[ \t]+node_id:[ \t]+/, "", line)
                sub(/[ \t]+#.*$/, "", line)
                sub(/[ \t\r]+$/, "", line)
                first = substr(line, 1, 1)
                if ((first == "\"" || first == quote) && length(line) > 1 && substr(line, length(line)) == first)
                    line = substr(line, 2, length(line) - 2)
                if (line ~ /^[A-Za-z0-9][A-Za-z0-9._-]*$/ && length(line) <= 64 && tolower(line) != "null") print line
                exit
            }
        }'
    }

    new_node_id() {
        id=$(uuidgen | tr 'A-F' 'a-f')
        case $id in
        *[!0-9a-f-]* | *-*-*-*-*-*) fail 'uuidgen gave no UUID' ;;
        ????????-????-????-????-????????????) printf '%s\n' "$id" ;;
        *) fail 'uuidgen gave no UUID' ;;
        esac
    }

    # config.yaml.new with its two placeholders filled in. Only whole lines of the section "cluster" are compared, so
    # that a secret that looks like a placeholder stays what it is.
    resolve() {
        CONFIG=$incoming NODE_HOSTNAME=$1 NODE_ID=$2 awk '
        BEGIN {
            file = ENVIRON["CONFIG"]
            while ((got = (getline line < file)) > 0) {
                if (line ~ /^[^ #]/) section = line
                if (section == "cluster:" && line == "  hostname: \"${HOSTNAME}\"")
                    line = "  hostname: \"" ENVIRON["NODE_HOSTNAME"] "\""
                else if (section == "cluster:" && line == "  node_id: \"${NODE_ID}\"")
                    line = "  node_id: \"" ENVIRON["NODE_ID"] "\""
                print line
            }
            if (got < 0) exit 1
        }'
    }

    # Three-way merge of the present config.yaml with the resolved new one; the base is config.yaml.shipped. The result
    # goes to standard output. Status 3: the present file is not in line form, which is one "key: value" a line, two
    # spaces a level, each value whole on its line.
    #
    # What was changed or added here stays so; all else follows the package, and what was removed here comes back, since
    # a node needs all that it is given. Without a base nothing tells a local change from an old value: then the
    # package's values are taken, but node_id, hostname and added keys stay.
    merge() {
        CURRENT=$config BASE=$shipped INCOMING=$resolved awk '
        BEGIN {
            quote = sprintf("%c", 39)
            double_quoted = "^\"([^\"\\\\]|\\\\.)*\"( +#.*)?$"
            single_quoted = "^" quote "([^" quote "]|" quote quote ")*" quote "( +#.*)?$"
            no_id = "^(\"\"|" quote quote "|~|null)?( +#.*)?$"
            if (!parse("new", ENVIRON["INCOMING"])) exit 1
            if (!parse("current", ENVIRON["CURRENT"]) || children["current", ""] == "" || !same_shape()) exit 3
            has_base = parse("base", ENVIRON["BASE"])
            text = walk("") own_comments(trailing["current"])
            ORS = ""
            if (report != "") print report | "cat 1>&2"
            print text
        }

        # Reads a file into line, values, comments (those above a line), children and trailing, all under tag; false
        # when it is not there or not in line form.
        function parse(tag, file,    text, got, key, value, level, deepest, path, parents, above) {
            deepest = 0
            while ((got = (getline text < file)) > 0) {
                sub(/\r$/, "", text)
                if (text ~ /^[ \t]*(#.*)?$/) {
                    is_comment[tag, text] = 1
                    above = above text "\n"
                    continue
                }
                if (!match(text, /^ *[A-Za-z_][A-Za-z0-9_-]*:/)) return 0
                key = substr(text, 1, RLENGTH - 1)
                value = substr(text, RLENGTH + 1)
                if (value != "" && value !~ /^ /) return 0
                sub(/^ +/, "", value)
                sub(/ +$/, "", value)
                if (value ~ /^#/) value = ""
                for (level = 0; substr(key, 1, 2) == "  "; level++) key = substr(key, 3)
                if (substr(key, 1, 1) == " " || level > deepest || !is_whole(value)) return 0
                path = level ? parents[level] "." key : key
                if ((tag, path) in line) return 0
                line[tag, path] = text "\n"
                values[tag, path] = value
                comments[tag, path] = above
                above = ""
                children[tag, parents[level]] = children[tag, parents[level]] path "\n"
                deepest = value == "" ? level + 1 : level
                parents[level + 1] = path
            }
            trailing[tag] = above
            return got == 0
        }

        # Whether a value ends on its line and means nothing to the lines around it.
        function is_whole(value) {
            if (value ~ /^"/) return value ~ double_quoted
            if (substr(value, 1, 1) == quote) return value ~ single_quoted
            if (value != "" && index("[]{},&*!|>%@`", substr(value, 1, 1))) return 0
            return value !~ /^[?:-]( |$)/ && value !~ /:( |$)/
        }

        # Whether nothing is a section in one file and a value in the other.
        function same_shape(    pair, parts) {
            for (pair in values) {
                split(pair, parts, SUBSEP)
                if (values[pair] != "" && children["new", parts[2]] children["current", parts[2]] != "") return 0
            }
            return 1
        }

        # Everything below a section: in the order of the package, then what only this Mac has.
        function walk(section,    paths, count, i, path, body, out) {
            count = split(children["new", section] only_here(section), paths, "\n")
            for (i = 1; i < count; i++) {
                path = paths[i]
                out = out comments["new", path] own_comments(comments["current", path])
                if (children["new", path] == "" && children["current", path] == "") {
                    out = out chosen(path)
                    continue
                }
                body = walk(path)
                if (body != "") out = out line[has("current", path) ? "current" : "new", path] body
            }
            return out
        }

        function only_here(section,    paths, count, i, out) {
            count = split(children["current", section], paths, "\n")
            for (i = 1; i < count; i++) if (!has("new", paths[i])) out = out paths[i] "\n"
            return out
        }

        # The line for a path that is a value; empty when the package no longer has it.
        function chosen(path) {
            if (path == "cluster.node_id" && has("new", path)) {
                if (has("current", path) && is_id(values["current", path])) return line["current", path]
                return line["new", path]
            }
            if (!has("current", path)) {
                if (has("base", path)) report = report "pkgmill: " path " was removed on this Mac and is there again\n"
                return line["new", path]
            }
            if (!has("new", path) && has("base", path) && same("current", "base", path)) return ""
            if (!has("new", path)) return line["current", path]
            if (same("current", "new", path)) return line["current", path]
            if (!has_base) return line[path == "cluster.hostname" ? "current" : "new", path]
            if (has("base", path) && same("current", "base", path)) return line["new", path]
            report = report "pkgmill: " path " was changed on this Mac and stays so; see config.yaml.shipped\n"
            return line["current", path]
        }

        function has(tag, path) { return (tag, path) in line && (tag != "base" || has_base) }

        function same(one, other, path) { return values[one, path] "" == values[other, path] "" }

        function is_id(value) { return value !~ no_id && value !~ /[$][{]NODE_ID[}]/ }

        # Comments and empty lines that no package brought.
        function own_comments(block,    rows, count, i, out) {
            count = split(block, rows, "\n")
            for (i = 1; i < count; i++)
                if (!(("new", rows[i]) in is_comment) && !(has_base && ("base", rows[i]) in is_comment))
                    out = out rows[i] "\n"
            return out
        }'
    }

    put_configuration_in_place() {
        if [ -L "$config" ] || { [ -e "$config" ] && [ ! -f "$config" ]; }; then
            fail "$config is not a regular file; move it away and install again"
        fi
        node_id=
        if [ -e "$config" ]; then node_id=$(present_node_id); fi
        known_id=$node_id
        if [ -z "$node_id" ]; then node_id=$(new_node_id); fi
        name=$(host_name)
        resolve "${name:-node}" "$node_id" >"$resolved"

        if [ -e "$config" ]; then
            status=0
            merge >"$merged" || status=$?
            case $status in
            0) ;;
            3)
                cat "$resolved" >"$merged"
                say "config.yaml is not one 'key: value' a line, so it was not merged: the package's takes its place"
                say "yours is kept as $previous"
                if [ -z "$known_id" ]; then say 'its node_id could not be read: this Mac joins as a new node'; fi
                ;;
            *) fail 'the new configuration could not be merged; config.yaml is as it was' ;;
            esac
            # A dot, because the shell drops empty lines from the end of what a command prints.
            if [ "$(cat "$config" && printf .)" != "$(cat "$merged" && printf .)" ]; then
                cat "$config" >"$saved"
                finish "$saved" "$previous"
            fi
        else
            cat "$resolved" >"$merged"
        fi
        # In this order: when the power fails in between, installing the same package again puts the base right.
        finish "$merged" "$config"
        finish "$resolved" "$shipped"
        rm -f "$incoming"
        say "the configuration is in $config"
    }

    # Gives a finished file its final name; whoever looks sees the old file or the new one.
    finish() {
        chmod 0600 "$1"
        chown 0:0 "$1"
        mv -f "$1" "$2"
    }

    # launchd refuses a job with error 5 as long as the old one is ending, hence the retries.
    start_server() {
        launchctl bootout "system/$label" >/dev/null 2>&1 || :
        launchctl enable "system/$label" || say "launchctl could not enable $label"
        retries=0
        until answer=$(launchctl bootstrap system "$plist" 2>&1); do
            if [ "$retries" -ge "$start_retries" ]; then
                fail "the server did not start: $answer
    pkgmill: the configuration is in place; start it with: sudo launchctl bootstrap system $plist"
            fi
            retries=$((retries + 1))
            sleep 1
        done
        launchctl kickstart "system/$label" || say "launchctl will start $label by itself"
        say "$label is started; its log is /var/log/fleet-server.log"
    }

    if [ -L "$folder" ] || [ ! -d "$folder" ]; then fail "$folder is not a folder; move it away and install again"; fi
    chown 0:0 "$folder"
    chmod 0700 "$folder"
    if [ -f "$incoming" ] && [ ! -L "$incoming" ]; then
        put_configuration_in_place
    elif [ ! -f "$config" ]; then
        fail "the package brought no configuration: $incoming is missing"
    fi
    if [ -z "$volume" ]; then
        start_server
    else
        say "nothing is started from here: the server starts when $volume does"
    fi

    """#
