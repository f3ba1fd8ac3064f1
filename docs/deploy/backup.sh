#!/usr/bin/env bash
# A copy of a home that is not stopped for it: backup.sh /srv/tenure/home /backup/tenure
# What lies elsewhere (PostgreSQL, an MLflow server) has backups of its own; docs/deploy.md says which.
set -euo pipefail
umask 077
home=$1
to=$2/$(date -u +%Y%m%dT%H%M%SZ)
mkdir -p "$to.part"
# SQLite's own copy is whole, whoever writes meanwhile; that of cp is not. Databases first: a file too many is no loss.
for db in scores.db mlflow.db tuning.db; do
    if [ -e "$home/$db" ]; then
        "${PYTHON:-python3}" - "$home/$db" "$to.part/$db" <<'PYTHON'
import sqlite3, sys
source, copy = (sqlite3.connect(file, timeout=60) for file in sys.argv[1:])
source.backup(copy)
sys.exit(copy.execute("PRAGMA integrity_check").fetchone() != ("ok",))
PYTHON
    fi
done
if [ -d "$home/artifacts" ]; then
    tar -cf "$to.part/artifacts.tar" -C "$home" artifacts
fi
mv "$to.part" "$to"
echo "$to"
