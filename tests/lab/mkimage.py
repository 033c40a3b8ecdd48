"""Makes a one-layer image archive that containerd imports, without Docker.

Usage: mkimage.py OUT.tar REFERENCE ENTRYPOINT_JSON SOURCE:DESTINATION...
Symlinks are followed; every file becomes executable. The same input gives the same bytes.
"""

import hashlib
import io
import json
import sys
import tarfile
from pathlib import Path, PurePosixPath


def layer(pairs: list[tuple[Path, PurePosixPath]]) -> bytes:
    """An uncompressed tar of the files and of the folders that lead to them."""
    raw = io.BytesIO()
    made: set[PurePosixPath] = set()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for source, destination in pairs:
            # "." is the last parent of a relative path
            for folder in list(destination.parents)[-2::-1]:
                if folder not in made:
                    made.add(folder)
                    entry = tarfile.TarInfo(str(folder))
                    entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                    tar.addfile(entry)
            content = source.read_bytes()
            entry = tarfile.TarInfo(str(destination))
            entry.size, entry.mode = len(content), 0o755
            tar.addfile(entry, io.BytesIO(content))
    return raw.getvalue()


def archive(reference: str, entrypoint: list[str] | None, content: bytes) -> bytes:
    """A docker-archive (manifest.json, config, layer), which `ctr images import` takes."""
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Env": ["PATH=/usr/local/bin:/usr/bin:/bin"], "Entrypoint": entrypoint},
            "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(content).hexdigest()]},
            "history": [{"created_by": "kaudit-setup lab"}],
        }
    ).encode()
    config_name = hashlib.sha256(config).hexdigest() + ".json"
    index = json.dumps([{"Config": config_name, "RepoTags": [reference], "Layers": ["layer.tar"]}]).encode()
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for name, data in ((config_name, config), ("layer.tar", content), ("manifest.json", index)):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return raw.getvalue()


def main(out: str, reference: str, entrypoint: str, *specs: str) -> None:
    """Writes OUT in one step, so that a broken build leaves no half image."""
    pairs = [(Path(source).resolve(), PurePosixPath(target)) for source, target in (s.split(":") for s in specs)]
    whole = archive(reference, json.loads(entrypoint), layer(pairs))
    part = Path(out + ".part")
    part.write_bytes(whole)
    part.rename(out)


if __name__ == "__main__":
    main(*sys.argv[1:])
