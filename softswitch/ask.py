"""Asks the switch that runs, over HTTP: what the commands know that show something of it."""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Collection
from typing import Any

from softswitch.net.address import Address, show, unspecified

#: How long the switch may take to answer; it answers from memory.
SECONDS = 5.0
#: Statuses of an answer that is a no, with a sentence: wrong, forbidden, not there, not now.
NO = (400, 403, 404, 409)
#: Bytes of an answer that are read: thousands of calls or carriers, or all messages of one call.
MAX_BYTES = 16 * 1024 * 1024


class NoSwitch(Exception):
    """Nobody answers, or not as a switch does; the message is a sentence."""


class Wrong(Exception):
    """The switch answers that this cannot be meant; the message is its sentence."""


class NotThere(Exception):
    """The switch answers that there is no such thing, or that it will not; the message is its sentence."""


def ask(address: Address, path: str) -> dict[str, Any]:
    """Return the JSON of `path` from the switch whose HTTP is at `address`; raise NoSwitch or NotThere."""
    try:
        return dict(json.loads(fetch(address, path)))
    except (ValueError, TypeError) as error:
        raise _another(address) from error


def post(
    address: Address, path: str, body: Any = None, *, takes: Collection[int], seconds: float = SECONDS
) -> dict[str, Any]:
    """POST to `path` and return the JSON of the answer; takes: statuses that are answers too. Raises NoSwitch."""
    try:
        return dict(json.loads(fetch(address, path, body, method="POST", takes=takes, seconds=seconds)))
    except (ValueError, TypeError) as error:
        raise _another(address) from error


def delete(address: Address, path: str) -> dict[str, Any]:
    """DELETE `path` and return the JSON of the answer; raise NoSwitch or NotThere."""
    try:
        return dict(json.loads(fetch(address, path, method="DELETE")))
    except (ValueError, TypeError) as error:
        raise _another(address) from error


def ask_list(address: Address, path: str, key: str) -> list[dict[str, Any]]:
    """Return the list of objects under `key` in the JSON of `path`; raise NoSwitch or NotThere."""
    return ask_lists(address, path, key)[key]


def ask_lists(address: Address, path: str, *keys: str) -> dict[str, list[dict[str, Any]]]:
    """Return the lists of objects under `keys` in the JSON of `path`; raise NoSwitch or NotThere."""
    answer = ask(address, path)
    found = {key: answer.get(key) for key in keys}
    for one in found.values():
        if not isinstance(one, list) or not all(isinstance(entry, dict) for entry in one):
            raise _another(address)
    return found  # type: ignore[return-value]  # just looked at


def quoted(text: str) -> str:
    """Return what a user typed as one part of a path."""
    return urllib.parse.quote(text, safe="")


def _another(address: Address) -> NoSwitch:
    return NoSwitch(f"what answers at {_where(address)} is no switch of this version")


def fetch(
    address: Address,
    path: str,
    body: Any = None,
    *,
    method: str = "GET",
    takes: Collection[int] = (),
    seconds: float = SECONDS,
) -> bytes:
    """Return what the switch at `address` answers to a request; raise NoSwitch, NotThere or Wrong with a sentence.

    path: as it stands in a URL; what a user typed goes through `quoted`. body: is sent as JSON, None for nothing.
    """
    where = _where(address)
    # A proxy of the environment is for the web, not for the switch.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://{where}{path}", data, method=method)
        request.add_header("Content-Type", "application/json")
        with opener.open(request, timeout=seconds) as response:
            answer: bytes = response.read(MAX_BYTES)
            return answer
    except urllib.error.HTTPError as error:
        if error.code in takes:
            return error.read(MAX_BYTES)
        sentence = _sentence(error.read(MAX_BYTES)) if error.code in NO else ""
        if sentence:
            raise (Wrong if error.code == 400 else NotThere)(sentence) from error
        raise NoSwitch(f"what answers at {where} is no switch of this version (HTTP {error.code})") from error
    except OSError as error:
        reason = getattr(error, "reason", None) or error
        words = getattr(reason, "strerror", None) or str(reason)
        raise NoSwitch(
            f"no switch answers at {where} ({words}); start one with `softswitch run`, or name its --http"
        ) from error


def _where(address: Address) -> str:
    host, port = address
    if unspecified(host):  # it listens everywhere, so here as well
        host = "::1" if ":" in host else "127.0.0.1"
    return show((host, port))


def _sentence(body: bytes) -> str:
    """Return the sentence of an answer of ours that is a no, empty for anybody else's."""
    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return ""
