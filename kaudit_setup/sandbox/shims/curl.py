"""curl, as far as kaudit-setup uses it: options, exit codes and messages are curl's (see curl(1), EXIT CODES)."""

import re
import socket
import ssl
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from itertools import zip_longest
from pathlib import Path

# options that take a value, and how they are called here
LONG = {
    "--url": "url",
    "--cacert": "cacert",
    "--cert": "cert",
    "--key": "key",
    "--header": "header",
    "--request": "request",
    "--data": "data",
    "--data-raw": "data-raw",
    "--data-binary": "data-binary",
    "--output": "output",
    "--write-out": "write-out",
    "--max-time": "max-time",
    "--connect-timeout": "connect-timeout",
    "--resolve": "resolve",
    "--config": "config",
    "--user-agent": "user-agent",
    "--noproxy": "noproxy",
}
SWITCHES = {
    "--silent",
    "--show-error",
    "--fail",
    "--insecure",
    "--no-buffer",
    "--include",
    "--globoff",
    "--head",
    "--disable",
}
SHORT = {
    "E": "--cert",
    "H": "--header",
    "X": "--request",
    "d": "--data",
    "o": "--output",
    "w": "--write-out",
    "m": "--max-time",
    "K": "--config",
    "A": "--user-agent",
    "s": "--silent",
    "S": "--show-error",
    "f": "--fail",
    "k": "--insecure",
    "N": "--no-buffer",
    "i": "--include",
    "g": "--globoff",
    "I": "--head",
    "q": "--disable",
}


class CurlError(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Options:
    def __init__(self) -> None:
        self.one: dict[str, str] = {}
        self.headers: list[str] = []
        self.resolve: list[str] = []
        self.data: list[bytes] = []
        self.on: set[str] = set()
        self.urls: list[str] = []
        self.outputs: list[str] = []

    def take(self, option: str, value: str) -> None:
        if option in SWITCHES:
            self.on.add(option)
        elif option == "--url":
            self.urls.append(value)
        elif option == "--output":
            self.outputs.append(value)
        elif option == "--header":
            self.headers += read_text(value[1:]).splitlines() if value.startswith("@") else [value]
        elif option == "--resolve":
            self.resolve.append(value)
        elif option in ("--data", "--data-binary", "--data-raw"):
            self.data.append(read_data(option, value))
        elif option == "--config":
            self.take_all(config_pairs(read_text(value)))
        else:
            self.one[LONG[option]] = value

    def take_all(self, pairs: Iterator[tuple[str, str]]) -> None:
        for option, value in pairs:
            self.take(option, value)

    def address(self, host: str, port: int) -> str:
        """Where that host is, by `--resolve HOST:PORT:ADDRESS` if it says so."""
        found = host
        for entry in self.resolve:
            name, of, to = entry.lstrip("+").split(":", 2)
            if (name, of) == (host, str(port)):
                found = to.strip("[]")
        return found


def pairs(args: list[str]) -> Iterator[tuple[str, str]]:
    """Options with their values; what is not an option is a URL."""
    rest = list(args)
    while rest:
        arg = rest.pop(0)
        if arg.startswith("--") or arg == "-":
            yield arg, value_of(arg, arg, "", rest)
        elif arg.startswith("-"):
            yield from short_pairs(arg[1:], rest)
        else:
            yield "--url", arg


def short_pairs(letters: str, rest: list[str]) -> Iterator[tuple[str, str]]:
    """Letters that were run together: switches, and one with a value at the end."""
    while letters:
        letter, letters = letters[0], letters[1:]
        option = SHORT.get(letter, "")
        yield option, value_of(option, f"-{letter}", letters, rest)
        if option not in SWITCHES:
            return


def value_of(option: str, spelled: str, attached: str, rest: list[str]) -> str:
    if option in SWITCHES:
        return ""
    if option not in LONG:
        raise CurlError(2, f"option {spelled}: is unknown")
    if not attached and not rest:
        raise CurlError(2, f"option {spelled}: requires parameter")
    return attached or rest.pop(0)


def config_pairs(text: str) -> Iterator[tuple[str, str]]:
    """A config file: one option a line, `name = "value"`, leading dashes optional."""
    for line in map(str.strip, text.splitlines()):
        if line and not line.startswith("#"):
            name = line.translate(str.maketrans("\t=:", "   ")).partition(" ")[0]
            value = line[len(name) :].lstrip(" \t=:")
            if value.startswith('"'):
                value = value[1:].rpartition('"')[0].replace('\\"', '"').replace("\\\\", "\\")
            option = name if name.startswith("-") else f"--{name}"
            yield option, value_of(option, option, value, [""])


def read_text(name: str) -> str:
    return read_bytes(name).decode("utf-8", "surrogateescape")


def read_bytes(name: str) -> bytes:
    try:
        if name == "-":
            return sys.stdin.buffer.read()
        return Path(name).read_bytes()
    except OSError as error:
        raise CurlError(26, f"Failed to open {name}: {error.strerror}") from error


def read_data(option: str, value: str) -> bytes:
    if option == "--data-raw" or not value.startswith("@"):
        return value.encode("utf-8", "surrogateescape")
    data = read_bytes(value[1:])
    return data if option == "--data-binary" else data.replace(b"\r", b"").replace(b"\n", b"")


def split(url: str) -> tuple[bool, str, int, str]:
    scheme, found, rest = url.partition("://")
    if not found:
        scheme, rest = "http", url
    if scheme not in ("http", "https"):
        raise CurlError(1, f'Protocol "{scheme}" not supported')
    place, slash, path = rest.partition("/")
    host, colon, port = place.rpartition(":")
    if not colon or place.endswith("]"):
        host, port = place, "443" if scheme == "https" else "80"
    if any(c in path for c in " \r\n"):
        raise CurlError(3, "URL rejected: Malformed input to a URL function")
    return scheme == "https", host.strip("[]"), int(port), f"/{path}" if slash else "/"


@contextmanager
def failing(kind: type[Exception], code: int, words: str) -> Iterator[None]:
    try:
        yield
    except kind as error:
        raise CurlError(code, words) from error


def dial(options: Options, tls: bool, host: str, port: int, deadline: float | None) -> socket.socket:
    wait = float(options.one.get("connect-timeout", "0")) or None
    if deadline is not None:
        wait = min(wait or deadline, deadline - time.monotonic())
    try:
        plain = socket.create_connection((options.address(host, port), port), timeout=wait)
    except TimeoutError as error:
        raise CurlError(28, f"Connection timed out: {host} port {port}") from error
    except socket.gaierror as error:
        raise CurlError(6, f"Could not resolve host: {host}") from error
    except OSError as error:
        raise CurlError(7, f"Failed to connect to {host} port {port}: {error.strerror}") from error
    return secured(context(options), plain, host) if tls else plain


def context(options: Options) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if "--insecure" in options.on:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    authority = options.one.get("cacert")
    with failing(OSError, 77, f"error setting certificate file: {authority}"):
        if authority is None:
            made.set_default_verify_paths()
        else:
            made.load_verify_locations(authority)
    with failing(OSError, 58, f"could not load PEM client certificate: {options.one.get('cert')}"):
        if "cert" in options.one:
            made.load_cert_chain(options.one["cert"], options.one.get("key"))
    return made


def secured(context: ssl.SSLContext, plain: socket.socket, host: str) -> socket.socket:
    try:
        return context.wrap_socket(plain, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        raise CurlError(60, f"SSL certificate problem: {error.verify_message}") from error
    except TimeoutError as error:
        raise CurlError(28, "SSL connection timeout") from error
    except OSError as error:
        raise CurlError(35, f"TLS connect error: {error}") from error


class Response:
    """What comes back on one connection, never later than the deadline."""

    def __init__(self, stream: socket.socket, deadline: float | None) -> None:
        self._stream, self._deadline, self._rest = stream, deadline, b""
        self.downloaded = 0
        self.top, code = b"", 52
        while b"\r\n\r\n" not in self._rest:
            self._more(code, "Empty reply from server")
            code = 56
        self.top, _, self._rest = self._rest.partition(b"\r\n\r\n")
        lines = self.top.decode("latin-1").split("\r\n")
        self.code = lines[0].split(" ")[1]
        self.fields = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}

    def _more(self, code: int = 18, words: str = "transfer closed with outstanding read data remaining") -> None:
        if self._deadline is not None:
            self._stream.settimeout(max(0.001, self._deadline - time.monotonic()))
        got = self._stream.recv(65536)
        if not got:
            raise CurlError(code, words)
        self._rest += got

    def _exactly(self, size: int) -> bytes:
        while len(self._rest) < size:
            self._more()
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken

    def body(self) -> Iterator[bytes]:
        """In pieces as they arrive."""
        if self.fields.get("transfer-encoding") != "chunked":
            yield self._exactly(int(self.fields.get("content-length", "0")))
            return
        while True:
            while b"\r\n" not in self._rest:
                self._more()
            size, _, self._rest = self._rest.partition(b"\r\n")
            chunk = self._exactly(int(size.split(b";")[0], 16) + 2)[:-2]
            if not chunk:
                return
            yield chunk


def request_bytes(options: Options, method: str, host: str, port: int, path: str) -> bytes:
    """The request line, the fields (given ones replace curl's own, empty ones remove them) and the data."""
    data = b"&".join(options.data) if options.data else None
    fields = {"Host": f"{host}:{port}", "User-Agent": options.one.get("user-agent", "curl/8.5.0"), "Accept": "*/*"}
    if data is not None:
        fields |= {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(data))}
    extra = []
    for line in options.headers:
        name, _, value = line.partition(":")
        known = next((k for k in fields if k.lower() == name.strip().lower()), None)
        if known:
            fields[known] = value.strip()
        else:
            extra.append(f"{name.strip()}: {value.strip()}")
    head = [f"{method} {path} HTTP/1.1", *(f"{k}: {v}" for k, v in fields.items() if v), *extra, "Connection: close"]
    return "\r\n".join([*head, "", ""]).encode("utf-8", "surrogateescape") + (data or b"")


def fetch(options: Options, url: str, output: str) -> None:
    limit = float(options.one.get("max-time", "0"))
    deadline = time.monotonic() + limit if limit else None
    tls, host, port, path = split(url)
    default = "HEAD" if "--head" in options.on else "POST" if options.data else "GET"
    method = options.one.get("request", default)
    code = "000"
    response: Response | None = None
    try:
        with dial(options, tls, host, port, deadline) as stream:
            stream.sendall(request_bytes(options, method, host, port, path))
            response = Response(stream, deadline)
            code = response.code
            if "--fail" in options.on and int(code) >= 400:
                raise CurlError(22, f"The requested URL returned error: {code}")
            save(options, response, output, bodiless=method == "HEAD")
    except TimeoutError as error:
        raise CurlError(28, f"Operation timed out after {limit * 1000:.0f} milliseconds") from error
    except (ConnectionResetError, ssl.SSLError) as error:
        raise CurlError(56, f"Recv failure: {error.strerror or error}") from error
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CurlError(23, "Failure writing output to destination") from error
    finally:
        size = str(0 if response is None else response.downloaded)
        known = {"http_code": code, "response_code": code, "size_download": size}
        shown = re.sub(r"%\{(\w+)\}", lambda found: known.get(found[1], ""), options.one.get("write-out", ""))
        sys.stdout.buffer.flush()
        sys.stdout.write(shown.replace("\\n", "\n").replace("\\t", "\t"))
        sys.stdout.flush()


def save(options: Options, response: Response, output: str, *, bodiless: bool) -> None:
    with nullcontext(sys.stdout.buffer) if output == "-" else Path(output).open("wb") as target:
        if options.on & {"--include", "--head"}:
            target.write(response.top + b"\r\n\r\n")
        for chunk in () if bodiless else response.body():
            response.downloaded += len(chunk)
            target.write(chunk)
            target.flush()


def main() -> int:
    options = Options()
    code = 0
    try:
        options.take_all(pairs(sys.argv[1:]))
        if not options.urls:
            raise CurlError(2, "no URL specified")
    except CurlError as error:
        return told(options, error)
    # the first URL goes to the first --output; one that fails does not keep the next from being asked
    for url, output in zip_longest(options.urls, options.outputs[: len(options.urls)], fillvalue="-"):
        try:
            fetch(options, url, output)
            code = 0
        except BrokenPipeError:
            return 23
        except CurlError as error:
            code = told(options, error)
    return code


def told(options: Options, error: CurlError) -> int:
    """Its exit code; its words where they are wanted."""
    if error.code == 2:
        sys.stderr.write(f"curl: {error}\n")
    elif "--silent" not in options.on or "--show-error" in options.on:
        sys.stderr.write(f"curl: ({error.code}) {error}\n")
    return error.code


if __name__ == "__main__":
    sys.exit(main())
