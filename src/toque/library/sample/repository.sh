#!/bin/sh
# Makes build/library-sample a repository of app/ as it is now; run in a cookbook's folder.
# Several suites may do so at once: it is made aside, and put in place whole or not at all.
set -eu
from=$(cd ../sample/app && pwd)
to=../../../../build/library-sample
if [ -d "$to/.git" ] && diff -q -r -x .git "$from" "$to" >/dev/null; then exit 0; fi
mkdir -p "$(dirname "$to")"
made=$(mktemp -d "$to.XXXXXX")
cp "$from"/*.* "$made"
git -C "$made" init -q -b main
git -C "$made" add -A
git -C "$made" -c user.name=sample -c user.email=sample@example.invalid commit -q -m sample
rm -rf "$to"
mv -T "$made" "$to" 2>/dev/null || rm -rf "$made"
