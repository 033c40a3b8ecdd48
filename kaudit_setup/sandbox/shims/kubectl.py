"""kubectl, as far as the sandbox needs it: `get --raw PATH`, `create --raw PATH -f -`, `run NAME`, `get`, `delete`.

It reads the kubeconfig that kubeadm wrote, and does its talking through the curl that stands beside it.
"""

import base64
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

VERSION = "@VERSION@"
PLURALS = {"pod": "pods", "po": "pods", "secret": "secrets", "configmap": "configmaps", "cm": "configmaps"}
PLURALS |= {"namespace": "namespaces", "ns": "namespaces", "deployment": "deployments", "deploy": "deployments"}


def fail(message: str) -> int:
    sys.stderr.write(f"{message}\n")
    return 1


def flags(args: list[str]) -> tuple[list[str], dict[str, str]]:
    """Words, and options with their values; `--name=value` and `--name value` alike."""
    words: list[str] = []
    options: dict[str, str] = {}
    args = list(args)
    alone = {"all-namespaces", "A", "insecure-skip-tls-verify", "no-headers"}
    while args:
        arg = args.pop(0)
        if not arg.startswith("-") or arg == "-":
            words.append(arg)
            continue
        name, equals, value = arg.lstrip("-").partition("=")
        if not equals and name not in alone:
            value = args.pop(0) if args else ""
        options[name] = value
    return words, options


def main() -> int:
    words, options = flags(sys.argv[1:])
    root = os.environ.get("KAUDIT_ROOT", "")
    if words[:1] == ["version"]:
        print(f"Client Version: v{VERSION}")
        return 0
    config = options.get("kubeconfig") or os.environ.get("KUBECONFIG") or f"{root}/etc/kubernetes/admin.conf"
    try:
        text = Path(config).read_text()
    except OSError as error:
        return fail(f"error: stat {config}: {error.strerror}")
    found = {
        key: match.group(1)
        for key in ("certificate-authority-data", "client-certificate-data", "client-key-data", "server")
        if (match := re.search(rf"{key}: (\S+)", text))
    }
    space = options.get("namespace") or options.get("n") or "default"
    with tempfile.TemporaryDirectory() as folder:
        curl = [str(Path(__file__).resolve().parents[1] / "bin" / "curl"), "-sS", "-w", "\n%{http_code}"]
        timeout = options.get("request-timeout", "0").rstrip("s")
        if float(timeout or 0):
            curl += ["-m", timeout]
        for key, option in (
            ("certificate-authority-data", "--cacert"),
            ("client-certificate-data", "--cert"),
            ("client-key-data", "--key"),
        ):
            path = Path(folder, key)
            path.touch(0o600)
            path.write_bytes(base64.b64decode(found[key]))
            curl += [option, str(path)]
        curl += [
            "-H",
            f"User-Agent: kubectl/v{VERSION} (linux/amd64) kubernetes/sandbox",
            "-H",
            "Accept:application/json",
        ]
        if "as" in options:
            curl += ["-H", f"Impersonate-User: {options['as']}"]
        if "as-group" in options:
            curl += ["-H", f"Impersonate-Group: {options['as-group']}"]
        server = options.get("server") or found["server"]
        return act(words, options, curl, server, space)


def act(words: list[str], options: dict[str, str], curl: list[str], server: str, space: str) -> int:
    verb = words[0] if words else ""
    if "raw" in options:
        if verb == "get":
            return send(curl, [server + options["raw"]], None, raw=True)
        name = options.get("f") or options.get("filename")
        data = None if name is None else sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        method = {"create": "POST", "replace": "PUT", "delete": "DELETE"}[verb]
        return send(curl, ["-X", method, server + options["raw"]], data, raw=True)
    if verb == "run" and len(words) > 1:
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": words[1], "labels": {"run": words[1]}},
            "spec": {"containers": [{"name": words[1], "image": options.get("image", "")}]},
        }
        url = f"{server}/api/v1/namespaces/{space}/pods?fieldManager=kubectl-run"
        return send(curl, ["-X", "POST", url], json.dumps(pod).encode(), done=f"pod/{words[1]} created")
    if verb == "create" and words[1:2] == ["deployment"] and len(words) > 2:
        template = {"spec": {"containers": [{"name": words[2], "image": options.get("image", "")}]}}
        body = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": words[2], "labels": {"app": words[2]}},
            "spec": {"replicas": int(options.get("replicas", "1")), "template": template},
        }
        url = f"{server}/apis/apps/v1/namespaces/{space}/deployments?fieldManager=kubectl-create"
        return send(curl, ["-X", "POST", url], json.dumps(body).encode(), done=f"deployment.apps/{words[2]} created")
    if verb in ("get", "delete") and len(words) > 1:
        kind, _, name = words[1].partition("/")
        name = name or (words[2] if len(words) > 2 else "")
        plural = PLURALS.get(kind.lower(), kind.lower())
        group = "/apis/apps/v1" if plural in ("deployments", "replicasets") else "/api/v1"
        place = "" if plural in ("namespaces", "nodes") else f"/namespaces/{space}"
        url = f"{server}{group}{place}/{plural}" + (f"/{name}" if name else "")
        if verb == "get":
            return send(curl, [url], None, raw=True)
        return send(curl, ["-X", "DELETE", url], None, done=f'{kind} "{name}" deleted')
    return fail(f"error: the sandbox's kubectl cannot do: {' '.join(words)}")


def send(curl: list[str], args: list[str], data: bytes | None, *, raw: bool = False, done: str = "") -> int:
    extra = ["-H", "Content-Type: application/json", "--data-binary", "@-"] if data is not None else []
    ran = subprocess.run([*curl, *extra, *args], input=data or b"", stdout=subprocess.PIPE, check=False)
    body, _, code = ran.stdout.rpartition(b"\n")
    if ran.returncode:
        return fail("The connection to the server was refused - did you specify the right host or port?")
    if int(code) >= 400:
        try:
            status = json.loads(body)
            return fail(f"Error from server ({status.get('reason', code.decode())}): {status.get('message', '')}")
        except ValueError:
            return fail(f"Error from server: {body.decode('utf-8', 'replace')}")
    if raw:
        sys.stdout.buffer.write(body)
    else:
        print(done)
    return 0


if __name__ == "__main__":
    sys.exit(main())
