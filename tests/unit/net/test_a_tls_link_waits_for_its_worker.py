"""Between a socket and a connection: one step at a time, nothing lost meanwhile, and what a step found out is told."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from softswitch.errors import RemoteError
from softswitch.net.sip_tls import PeerTls, ServerTls, TlsContexts
from softswitch.net.tls_link import MAX_HANDSHAKE_BYTES, TlsLink, Workshop
from softswitch.net.tls_machine import TlsMachine
from tests.tools.certificates import Authority


class Outcome:
    """What a worker thread has found."""

    def __init__(self, work: Callable[[], bytes]) -> None:
        self.data, self.error = b"", cast(BaseException | None, None)
        try:
            self.data = work()
        except Exception as error:
            self.error = error

    def cancelled(self) -> bool:
        return False

    def exception(self) -> BaseException | None:
        return self.error

    def result(self) -> bytes:
        return self.data


class SlowWorkshop:
    """Does its work when it is told to."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Callable[[], bytes], Callable[[Any], None]]] = []

    def do(self, work: Callable[[], bytes], done: Callable[[Any], None]) -> None:
        self.waiting.append((work, done))

    def work(self) -> None:
        while self.waiting:
            work, done = self.waiting.pop(0)
            done(Outcome(work))


class Wire:
    """A socket's transport."""

    def __init__(self) -> None:
        self.sent = b""
        self.ended = ""

    def write(self, data: bytes) -> None:
        assert not self.ended
        self.sent += data

    def close(self) -> None:
        self.ended = self.ended or "closed"

    def abort(self) -> None:
        self.ended = self.ended or "aborted"

    def get_write_buffer_size(self) -> int:
        return 0

    def take(self) -> bytes:
        sent, self.sent = self.sent, b""
        return sent


class Above:
    """The connection above."""

    def __init__(self, *, wanted: bool = True) -> None:
        self.wanted = wanted
        self.told: list[Any] = []
        self.stream: Any = None

    def arrived(self, _stream: Any) -> bool:
        return self.wanted

    def ready(self, stream: Any, names: tuple[str, ...]) -> None:
        self.stream = stream
        self.told.append(("ready", names))

    def unready(self, kind: str, words: str) -> None:
        self.told.append((kind, words))

    def data_received(self, data: bytes) -> None:
        self.told.append(data)

    def eof_received(self) -> None:
        self.told.append("eof")

    def connection_lost(self, _exc: Exception | None) -> None:
        self.told.append("lost")


class End:
    """A link with everything around it."""

    def __init__(self, make: Callable[[], TlsMachine], *, serving: bool, wanted: bool = True) -> None:
        self.above, self.wire, self.shop = Above(wanted=wanted), Wire(), SlowWorkshop()
        self.link = TlsLink(self.above, make, cast(Workshop, self.shop), serving=serving)
        self.link.connection_made(cast(Any, self.wire))


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> TlsContexts:
    folder, authority = tmp_path_factory.mktemp("link"), Authority()
    pair = authority.sign("sip:a.example").write(folder, "a")
    peers = {"good": PeerTls(ca=authority.write(folder)), "bad": PeerTls(ca=Authority().write(folder, "other"))}
    return TlsContexts(ServerTls(pair), peers)


def server(contexts: TlsContexts) -> End:
    assert contexts.server is not None
    context = contexts.server
    return End(lambda: TlsMachine(context, serving=True), serving=True)


def client(contexts: TlsContexts, carrier: str = "good") -> End:
    made = contexts.client("a.example", carrier)
    return End(lambda: TlsMachine(made.context, expected=made.expected), serving=False)


def shake(one: End, other: End) -> None:
    for _ in range(6):
        for near, far in ((one, other), (other, one)):
            near.shop.work()
            if data := near.wire.take():
                far.link.data_received(data)


def test_messages_pass_once_both_ends_stand(contexts: TlsContexts) -> None:
    ours, theirs = client(contexts), server(contexts)
    shake(ours, theirs)
    assert ours.above.told == [("ready", ("a.example",))] and theirs.above.told == [("ready", ())]
    ours.above.stream.write(b"INVITE")
    assert b"INVITE" not in ours.wire.sent
    theirs.link.data_received(ours.wire.take())
    assert theirs.above.told[-1] == b"INVITE"
    ours.above.stream.close()
    theirs.link.data_received(ours.wire.take())
    assert theirs.above.told[-1] == "eof" and ours.wire.ended == theirs.wire.ended == "closed"


def test_nothing_is_made_of_a_hello_that_is_not_whole(contexts: TlsContexts) -> None:
    theirs, ours = server(contexts), client(contexts)
    ours.shop.work()
    hello = ours.wire.take()
    for octet in hello[:-1]:
        theirs.link.data_received(bytes([octet]))
    assert theirs.link.machine is None and not theirs.shop.waiting
    theirs.link.data_received(hello[-1:])
    assert len(theirs.shop.waiting) == 1


def test_what_comes_while_a_step_is_done_is_looked_at_after_it(contexts: TlsContexts) -> None:
    ours, theirs = client(contexts), server(contexts)
    ours.shop.work()
    theirs.link.data_received(ours.wire.take())
    theirs.shop.work()
    flight = theirs.wire.take()
    for start in range(0, len(flight), 100):  # the first piece is being worked on
        ours.link.data_received(flight[start : start + 100])
    assert len(ours.shop.waiting) == 1
    ours.shop.work()
    assert ours.above.told == [("ready", ("a.example",))]


def test_who_hangs_up_after_an_alert_is_quoted(contexts: TlsContexts) -> None:
    theirs, ours = server(contexts), client(contexts, "bad")
    ours.shop.work()
    theirs.link.data_received(ours.wire.take())
    theirs.shop.work()
    ours.link.data_received(theirs.wire.take())
    ours.shop.work()
    [(kind, words)] = ours.above.told
    assert kind == "untrusted" and ours.wire.ended == "closed"
    theirs.link.data_received(ours.wire.take())  # the alert, with the end of the connection right behind it
    theirs.link.connection_lost(None)
    assert theirs.above.told == []
    theirs.shop.work()
    assert theirs.above.told == [("refused", "it refused the TLS handshake: unknown ca")]


def test_who_hangs_up_without_a_word_is_said_to(contexts: TlsContexts) -> None:
    ours = client(contexts)
    ours.link.connection_lost(None)  # while the hello is being made
    ours.shop.work()
    idle = server(contexts)
    idle.link.connection_lost(ConnectionResetError())
    for end in (ours, idle):
        assert end.above.told == [("closed", "it closed the connection while TLS was set up")]


def test_an_unwanted_connection_is_broken_off(contexts: TlsContexts) -> None:
    assert End(lambda: pytest.fail("not wanted"), serving=False, wanted=False).wire.ended == "aborted"


def test_who_sends_without_end_before_tls_stands_is_cut_off(contexts: TlsContexts) -> None:
    ours = client(contexts)
    ours.link.data_received(bytes(MAX_HANDSHAKE_BYTES + 1))
    assert ours.above.told == [("broken", "it sends without end before TLS is set up")]
    ours.shop.work()  # what the step finds out is nobody's any more
    assert len(ours.above.told) == 1


def test_a_file_that_cannot_be_read_any_more_ends_one_connection_in_words() -> None:
    def make() -> TlsMachine:
        raise RemoteError("no such file", kind="other")

    end = End(make, serving=False)
    end.shop.work()
    assert end.above.told == [("other", "no such file")]


def test_garbage_after_the_handshake_ends_the_connection(contexts: TlsContexts, tmp_path: Path) -> None:
    ours, theirs = client(contexts), server(contexts)
    shake(ours, theirs)
    theirs.link.data_received(b"INVITE sip:a@b SIP/2.0\r\n\r\n")
    kind, words = theirs.above.told[-1]
    assert kind in ("plain_text", "broken") and words
    assert theirs.wire.ended == "closed"
    theirs.link.data_received(b"more")
    assert len(theirs.above.told) == 2
