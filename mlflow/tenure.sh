#!/usr/bin/env bash
# Runs tenure in the folder named first, without the options that are given an empty value.
# An environment that is active comes first; otherwise the one that make keeps in .venv is used.
set -euo pipefail
PATH="$PATH:$(cd .. && pwd)/.venv/bin"
cd "$1"
shift
words=()
while (($#)); do
  if [[ $1 == --* && $# -gt 1 && -z $2 ]]; then
    shift 2
  else
    words+=("$1")
    shift
  fi
done
if ! command -v tenure >/dev/null; then
  echo "tenure: There is no tenure on the PATH; activate the environment that it is installed in." >&2
  exit 1
fi
exec tenure "${words[@]}"
