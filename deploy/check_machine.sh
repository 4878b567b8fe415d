#!/usr/bin/env bash
# What a new clone needs before anything can be installed: one clear line where it is missing.
set -eu
python=${1:-python3}

fail() { echo "matinee: $1" >&2; exit 1; }

command -v "$python" >/dev/null || fail "Python was not found. Next: install Python 3.11 or later, or run make PYTHON=/path/to/python3."
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "$("$python" --version) is too old. Next: install Python 3.11 or later, or run make PYTHON=/path/to/python3."
"$python" -c 'import venv, ensurepip' 2>/dev/null || fail "$python cannot make virtual environments. Next: install its venv package (python3-venv on Debian and Ubuntu)."
java=${JAVA_HOME:+$JAVA_HOME/bin/}java
command -v "$java" >/dev/null || fail "Java was not found. Next: install a Java 17 or 21 runtime, or point JAVA_HOME at one."
version=$("$java" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1)
case "$version" in 17 | 21) ;; *) fail "Java ${version:-of an unknown version} does not run Spark 4.1. Next: install a Java 17 or 21 runtime, or point JAVA_HOME at one." ;; esac
free=$(df -Pk . | awk 'NR == 2 {print int($4 / 1048576)}')
[ "$free" -ge 4 ] || fail "Only $free GiB of disk are free here. Next: free at least 4 GiB."
