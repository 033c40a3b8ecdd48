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
        found = dict(re.findall(r"([a-z-]+): (\S+)", Path(config).read_text()))
    except OSError as error:
        return fail(f"error: stat {config}: {error.strerror}")
    with tempfile.TemporaryDirectory() as folder:
        curl = ["-w", "\n%{http_code}", *credentials(found, Path(folder)), *client_options(options)]
        return act(words, options, Server(options.get("server") or found["server"], curl))


def credentials(kubeconfig: dict[str, str], folder: Path) -> list[str]:
    """The options of curl for the certificates and the key, which are kept in `folder` meanwhile."""
    found: list[str] = []
    for key, option in (
        ("certificate-authority-data", "--cacert"),
        ("client-certificate-data", "--cert"),
        ("client-key-data", "--key"),
    ):
        path = folder / key
        path.touch(0o600)
        path.write_bytes(base64.b64decode(kubeconfig[key]))
        found += [option, str(path)]
    return found


def client_options(options: dict[str, str]) -> list[str]:
    headers = {"User-Agent": f"kubectl/v{VERSION} (linux/amd64) kubernetes/sandbox", "Accept": "application/json"}
    headers["Impersonate-User"] = options.get("as", "")
    headers["Impersonate-Group"] = options.get("as-group", "")
    curl = [word for name, value in headers.items() if value for word in ("-H", f"{name}: {value}")]
    timeout = options.get("request-timeout", "0").rstrip("s")
    return [*curl, "-m", timeout] if float(timeout or 0) else curl


def act(words: list[str], options: dict[str, str], server: "Server") -> int:
    verb, space = (words or [""])[0], options.get("namespace") or options.get("n") or "default"
    if "raw" in options:
        return raw(verb, options, server)
    if verb == "run" and len(words) > 1:
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": words[1], "labels": {"run": words[1]}}}
        url = f"/api/v1/namespaces/{space}/pods?fieldManager=kubectl-run"
        return server.make(url, {**body, "spec": containers(words[1], options)}, f"pod/{words[1]} created")
    if words[:2] == ["create", "deployment"] and len(words) > 2:
        body = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": words[2], "labels": {"app": words[2]}},
        }
        spec = {"replicas": int(options.get("replicas", "1")), "template": {"spec": containers(words[2], options)}}
        url = f"/apis/apps/v1/namespaces/{space}/deployments?fieldManager=kubectl-create"
        return server.make(url, {**body, "spec": spec}, f"deployment.apps/{words[2]} created")
    if verb in ("get", "delete") and len(words) > 1:
        kind, _, name = "/".join(words[1:3]).partition("/")
        if verb == "get":
            return server.send(path_of(kind, name, space))
        return server.send(path_of(kind, name, space), "DELETE", done=f'{kind} "{name}" deleted')
    return fail(f"error: the sandbox's kubectl cannot do: {' '.join(words)}")


def raw(verb: str, options: dict[str, str], server: "Server") -> int:
    if verb == "get":
        return server.send(options["raw"])
    name = options.get("f") or options.get("filename")
    data = None if name is None else sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    return server.send(options["raw"], {"create": "POST", "replace": "PUT", "delete": "DELETE"}[verb], data)


def containers(name: str, options: dict[str, str]) -> dict[str, object]:
    return {"containers": [{"name": name, "image": options.get("image", "")}]}


def path_of(kind: str, name: str, space: str) -> str:
    plural = PLURALS.get(kind.lower(), kind.lower())
    group = "/apis/apps/v1" if plural in ("deployments", "replicasets") else "/api/v1"
    place = "" if plural in ("namespaces", "nodes") else f"/namespaces/{space}"
    return f"{group}{place}/{plural}/{name}".rstrip("/")


class Server:
    """The API server, by way of the curl that stands beside this program."""

    def __init__(self, url: str, options: list[str]) -> None:
        self._url = url
        self._curl = [str(Path(__file__).resolve().parents[1] / "bin" / "curl"), "-sS", *options]

    def make(self, path: str, body: dict[str, object], done: str) -> int:
        """Create that object; `done` is said where it worked."""
        return self.send(path, "POST", json.dumps(body).encode(), done=done)

    def send(self, path: str, method: str = "GET", data: bytes | None = None, *, done: str = "") -> int:
        """One request; prints `done`, or the body where there is nothing else to say. Returns the exit status."""
        extra = ["-H", "Content-Type: application/json", "--data-binary", "@-"] if data is not None else []
        argv = [*self._curl, *extra, "-X", method, self._url + path]
        ran = subprocess.run(argv, input=data or b"", stdout=subprocess.PIPE, check=False)
        body, _, code = ran.stdout.rpartition(b"\n")
        if ran.returncode:
            return fail("The connection to the server was refused - did you specify the right host or port?")
        if int(code) >= 400:
            return fail(refusal(body, code.decode()))
        sys.stdout.buffer.write(f"{done}\n".encode() if done else body)
        return 0


def refusal(body: bytes, code: str) -> str:
    try:
        status = json.loads(body)
    except ValueError:
        return f"Error from server: {body.decode('utf-8', 'replace')}"
    return f"Error from server ({status.get('reason', code)}): {status.get('message', '')}"


if __name__ == "__main__":
    sys.exit(main())
