"""The launcher: gives a program what its unit file asks of systemd, where no systemd runs.

Its text is constant; every value is a positional argument.  It starts with an empty environment
(its caller is ``env -i``), reads the environment files while it is still root, becomes the user
and then the program, so that the process id stays the one that supervisor knows.
"""

import hashlib
from typing import List, Sequence, Tuple

TEXT = """\
#!/bin/sh
# Written by Toque.  Arguments:
#   USER CWD UMASK MODE KEEP
#   COUNT RUNTIME-DIRECTORY...  COUNT ENVIRONMENT-FILE...  then COUNT WORD... for each command;
#   the last command replaces this process.  USER is name:group, name: or empty.  A file or a
#   COUNT with a leading - may be missing or may fail.  Environment files may name any variable
#   but those that begin with __toque_.
set -e
__toque_user=${1%%:*} __toque_group=${1#*:} __toque_cwd=$2
__toque_umask=$3 __toque_mode=$4 __toque_keep=$5
shift 5
__toque_gid=0
if [ -n "$__toque_user" ]; then
    __toque_entry=$(getent passwd "$__toque_user") || {
        echo "toque: there is no user $__toque_user" >&2; exit 217; }
    __toque_gid=${__toque_entry#*:*:*:} __toque_gid=${__toque_gid%%:*}
    HOME=${__toque_entry#*:*:*:*:*:} HOME=${HOME%:*} USER=$__toque_user LOGNAME=$__toque_user
    export HOME USER LOGNAME
    case ${__toque_entry##*:} in
    */nologin | */false | '') ;;
    *) SHELL=${__toque_entry##*:}; export SHELL ;;
    esac
fi
if [ -n "$__toque_group" ]; then
    __toque_entry=$(getent group "$__toque_group") || {
        echo "toque: there is no group $__toque_group" >&2; exit 216; }
    __toque_gid=${__toque_entry#*:*:} __toque_gid=${__toque_gid%%:*}
fi

__toque_n=$1; shift
while [ "$__toque_n" -gt 0 ]; do
    [ "$__toque_keep" = keep ] || rm -rf -- "/run/$1"
    install -d -m "$__toque_mode" -o "${__toque_user:-root}" -g "$__toque_gid" -- "/run/$1"
    RUNTIME_DIRECTORY=${RUNTIME_DIRECTORY:+$RUNTIME_DIRECTORY:}/run/$1
    export RUNTIME_DIRECTORY
    shift; __toque_n=$((__toque_n - 1))
done

__toque_n=$1; shift
while [ "$__toque_n" -gt 0 ]; do
    case $1 in
    -*) if [ -r "${1#-}" ]; then set -a; . "${1#-}"; set +a; fi ;;
    *) set -a; . "$1"; set +a ;;
    esac
    shift; __toque_n=$((__toque_n - 1))
done

become() {
    # The shell itself exports PWD; systemd does not.
    if [ -n "$__toque_user" ]; then
        exec /usr/bin/env -u PWD -u OLDPWD /usr/bin/setpriv --reuid "$__toque_user" \\
            --regid "$__toque_gid" --init-groups --no-new-privs -- "$@"
    fi
    exec /usr/bin/env -u PWD -u OLDPWD "$@"
}

cd -- "$__toque_cwd"
umask "$__toque_umask"
while [ "${1#-}" -lt "$(($# - 1))" ]; do
    __toque_n=${1#-} __toque_may_fail=${1%%[0-9]*}
    shift
    (
        __toque_rest=$(($# - __toque_n))
        while [ "$__toque_n" -gt 0 ]; do set -- "$@" "$1"; shift; __toque_n=$((__toque_n - 1)); done
        shift "$__toque_rest"
        become "$@"
    ) || {
        __toque_status=$?
        [ -n "$__toque_may_fail" ] || {
            echo "toque: a command before the service ended with status $__toque_status" >&2
            exit "$__toque_status"; }
    }
    shift "$__toque_n"
done
shift
become "$@"
"""

# Named by its text: a program keeps the launcher whose arguments it was written for.
PATH = f"/usr/local/lib/toque/launch-{hashlib.sha256(TEXT.encode()).hexdigest()[:8]}"


def arguments(
    *,
    user: str,
    group: str,
    cwd: str,
    umask: str,
    runtime: Sequence[str],
    runtime_mode: str,
    keep: bool,
    environment_files: Sequence[str],
    before: Sequence[Tuple[bool, Sequence[str]]],
    command: Sequence[str],
) -> List[str]:
    """The launcher's argument list.  ``before`` is (may fail, command) pairs.  Pure."""
    argv = [PATH, f"{user}:{group}", cwd, umask, runtime_mode, "keep" if keep else ""]
    argv += [str(len(runtime)), *runtime, str(len(environment_files)), *environment_files]
    for may_fail, words in before:
        argv += [f"{'-' if may_fail else ''}{len(words)}", *words]
    return [*argv, str(len(command)), *command]
