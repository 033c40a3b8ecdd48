"""Secrets in command lines: what looks like one is shown as `***`. Rather one word too many than one too few.

A password is known by its name (`--password=`, `PGPASSWORD=`, `Authorization:`), by its place (`mysql -p...`,
`https://user:...@host`), or by its look (a long word that nobody would choose as a name).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

MASK: Final = "***"

_NAMES: Final = (
    r"pass(?:word|wd|phrase|code)?|pwd|token|secret|api[-_]?key|access[-_]?key|private[-_]?key|encryption[-_]?key|"
    r"credentials?|cookie|session[-_]?id|auth(?!or)|signature|dsn"
)
# every repetition is bounded, so that a long hostile word costs no more than its length
_NAMED: Final = (
    rf"""(?i)((?:{_NAMES})[\w.-]{{0,60}}["']?\s{{0,3}}(?:=|:(?!//))\s{{0,3}})("[^"]*"|'[^']*'|[^\s&;"']+)"""
)
_ASSIGNED: Final = rf"(?is)(-{{0,2}}[\w.-]{{0,60}}?(?:{_NAMES})[\w.-]{{0,60}}=)(.+)"
_OPTION: Final = rf"(?i)--?[\w.-]{{0,60}}?(?:{_NAMES})[\w.-]{{0,60}}"
_HEADER: Final = r"""(?i)((?:proxy-)?authorization["']?\s{0,3}[=:]\s{0,3}["']?)([^"']+)"""
_BEARER: Final = r"(?i)\b(bearer|basic|token)(\s{1,3})([\w.~+/=:-]{4,})"
_SQL: Final = r"""(?i)\b((?:password|identified\s{1,3}(?:by|with\s{1,3}\w{1,40}\s{1,3}by))\s{1,3})('[^']*'|"[^"]*")"""
_PIPED: Final = (
    r"(?i)\b((?:echo|printf)\s{1,3}(?:-\w{1,3}\s{1,3})?)([^|]{1,200}?)"
    r"(\s{0,3}\|[^|]{0,80}(?:sudo\s{1,3}-S|stdin|passwd|cryptsetup))"
)
_LITERAL: Final = r"(--from-literal=[^\s=]{1,253}=).+"
_PRIVATE_KEY: Final = r"(?s)(-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----).+?(?=-----END|\Z)"
_USERINFO: Final = r"(?i)([a-z][a-z0-9+.-]{0,20}://)[^/@\s]+@"
_KNOWN: Final = (
    r"\b(?:eyJ[\w-]{8,600}\.[\w-]+(?:\.[\w-]*)?|gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}"
    r"|xox[abprs]-[\w-]{10,}|(?:AKIA|ASIA)[A-Z0-9]{16}|sk-[\w-]{16,}|hv[sbr]\.[\w-]{8,}|K10[0-9a-f]{30,}[\w:]*)"
)
_RUN: Final = r"[A-Za-z0-9+_=-]{24,}"
_HEX: Final = r"[0-9a-fA-F]{32,}"
_PIECE: Final = r"""(?s)(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\]|["'\\])+"""
_NESTED: Final = 4  # quotes inside quotes that are looked into
# short options whose value is a password, by program: `-p` of others means something else
_SHORT: Final = {
    "mysql": ("-p",),
    "mysqldump": ("-p",),
    "mysqladmin": ("-p",),
    "mariadb": ("-p",),
    "mariadb-dump": ("-p",),
    "sshpass": ("-p",),
    "mongo": ("-p",),
    "mongosh": ("-p",),
    "mongodump": ("-p",),
    "mongorestore": ("-p",),
    "docker": ("-p",),
    "podman": ("-p",),
    "redis-cli": ("-a",),
    "curl": ("-u", "--user", "-U", "--proxy-user"),
    "ldapsearch": ("-w",),
    "ldapmodify": ("-w",),
    "htpasswd": ("-b",),
    "openssl": ("-passin", "-passout", "-pass", "-k", "-K"),
    "sqlcmd": ("-P",),
    "etcdctl": ("--user",),
    "az": ("-p",),
    "cqlsh": ("-p",),
    "nodetool": ("-pw",),
    "ipmitool": ("-P",),
    "smbclient": ("-U",),
    "zip": ("-P",),
    "unzip": ("-P",),
    **dict.fromkeys(("snmpget", "snmpset", "snmpwalk", "snmpbulkwalk"), ("-A", "-X", "-c")),
    "kubectl": ("--from-literal",),
    "oc": ("--from-literal",),
}
# programs and words after which the last word is a secret: `htpasswd -b FILE USER PASSWORD`
_LAST: Final = {
    "htpasswd": frozenset({"-b", "-nb", "-bc", "-cb", "-nbB", "-Bbn", "-bB"}),
    "rabbitmqctl": frozenset({"add_user", "change_password", "authenticate_user"}),
    "vault": frozenset({"login", "unseal"}),
    "redis-cli": frozenset({"AUTH", "auth"}),
}
# attached values are common only here: `mysql -phunter2`
_ATTACHED: Final = frozenset(
    {"mysql", "mysqldump", "mysqladmin", "mariadb", "mariadb-dump", "sshpass", "sqlcmd", "curl", "unzip"}
)


def mask_words(words: Sequence[str]) -> list[str]:
    """A command line, word by word, without what looks like a secret. A word with spaces is read as a command of its
    own: a shell takes one as a word.
    """
    return _masked(words, _NESTED)


def mask_text(text: str) -> str:
    """A text, such as the path and query of a URL, without what looks like a secret."""
    for pattern, shown in _RULES:
        text = re.sub(pattern, shown, text)
    return re.sub(_RUN, lambda run: MASK if _is_random(run[0]) else run[0], text)


_RULES: Final = (
    (_HEADER, rf"\1{MASK}"),
    (_BEARER, rf"\1\2{MASK}"),
    (_USERINFO, rf"\1{MASK}@"),
    (_NAMED, rf"\1{MASK}"),
    (_LITERAL, rf"\1{MASK}"),
    (_PRIVATE_KEY, rf"\1{MASK}"),
    (_KNOWN, MASK),
    (_SQL, rf"\1{MASK}"),
    (_PIPED, rf"\1{MASK}\3"),
)


def _masked(words: Sequence[str], depth: int) -> list[str]:
    masked: list[str] = []
    program, before, action = "", "", ""
    for word in words:
        secret = _is_value_of(program, before, word) or (action == "set" and _is_name(before))
        masked.append(MASK if secret else _mask_word(program, word, depth))
        program = _program(word) or program
        before, action = word, before
    return [*masked[:-1], MASK] if _ends_in_secret(words) else masked


def _ends_in_secret(words: Sequence[str]) -> bool:
    """Whether the last word is a secret by its place."""
    last = (_LAST.get(_plain(word), frozenset()).intersection(words[at + 1 : -1]) for at, word in enumerate(words))
    return any(last)


def _is_name(word: str) -> bool:
    """Whether a word is what a secret is called: of `aws configure set aws_secret_access_key VALUE`."""
    return re.fullmatch(rf"(?i)[\w.-]{{0,60}}?(?:{_NAMES})[\w.-]{{0,60}}", word) is not None


def _mask_word(program: str, word: str, depth: int) -> str:
    if not re.search(r"\s", word):
        return _mask_attached(program, word) or _mask_assigned(word)
    quote = word[0] if len(word) > 1 and word[0] == word[-1] and word[0] in "\"'" else ""
    inner = word[1:-1] if quote else word
    found = list(re.finditer(_PIECE, inner))
    if depth == 0 or [one[0] for one in found] == [word]:
        return mask_text(word)
    return f"{quote}{_replaced(inner, found, depth - 1)}{quote}"


def _replaced(text: str, found: Sequence[re.Match[str]], depth: int) -> str:
    """`text` with its words masked, and what is between them as it is."""
    parts, done = [], 0
    for one, masked in zip(found, _masked([one[0] for one in found], depth), strict=True):
        parts += [text[done : one.start()], masked]
        done = one.end()
    return mask_text("".join([*parts, text[done:]]))


def _mask_attached(program: str, word: str) -> str:
    """A short option with its value in one word, masked; empty if the word is none. `-p=` is one of any program."""
    if word.startswith("-p=") and len(word) > len("-p="):
        return f"-p={MASK}"
    if program not in _ATTACHED or word.startswith("--"):
        return ""
    option = next((one for one in _SHORT[program] if word.startswith(one) and word != one), "")
    return option and f"{option}{MASK}"


def _mask_assigned(word: str) -> str:
    """`--password=...` and `PASSWORD=...` to the end of the word, where nothing but the name stands before."""
    assigned = re.fullmatch(_ASSIGNED, word)
    return f"{assigned[1]}{MASK}" if assigned else mask_text(word)


def _is_value_of(program: str, before: str, word: str) -> bool:
    """Whether a word is the value of the option before it, and that is a secret."""
    if not word or word.startswith("--"):
        return False
    return before in _SHORT.get(program, ()) or re.fullmatch(_OPTION, before) is not None


def _program(word: str) -> str:
    """The name of a program that is known here; empty for any other word."""
    name = _plain(word)
    return name if name in _SHORT else ""


def _plain(word: str) -> str:
    """A program's name without its folder, and what a shell has around it."""
    return word.rpartition("/")[2].strip("\"'`$(")


def _is_random(text: str) -> bool:
    """Whether nobody would choose such a word: a key or a digest, not a Pod's name."""
    if re.fullmatch(_HEX, text):
        return True
    plain = re.sub(r"[-_=+]", "", text)
    if len(plain) < 24 or text.count("-") > 2:
        return False
    kinds = sum(re.search(kind, plain) is not None for kind in ("[a-z]", "[A-Z]", "[0-9]"))
    least = {3: 3.6, 2: 3.9 if len(plain) >= 32 else 99.0}
    return _entropy(plain) > least.get(kinds, 99.0)


def _entropy(text: str) -> float:
    """Bits a character, by the text's own letters."""
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())
