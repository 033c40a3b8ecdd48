"""Where this tool keeps its own files on a node. `lib.sh` and `change.sh` name the same folders."""

from __future__ import annotations

STATE = "/var/lib/kaudit-setup"
BACKUPS = f"{STATE}/backups"


def run_folder(run: str) -> str:
    """The folder of a change that is under way."""
    return f"{STATE}/run/{run}"


def backup_files(backup: str) -> str:
    """The folder with the files of a backup, each under its number."""
    return f"{BACKUPS}/{backup}/files"
