"""A telephone by pyVoIP, a process of its own: it calls or waits to be called, says a tone and keeps what it hears.

pyVoIP wants a registrar at its server before it does anything else; the switch is none, so that step is left out. It
has no way to press a key but the sound of it. What it heard goes into a file as 8-bit linear sound; state and keys go
to its standard output, one line of JSON each.
"""

import argparse
import json
import threading
import time
import warnings

import numpy as np

warnings.simplefilter("ignore")
from pyVoIP.VoIP import CallState, VoIPCall, VoIPPhone  # noqa: E402 - it warns of audioop when it is imported

RATE_HZ, FRAME = 8000, 160
ROWS, COLUMNS, PAD = (697, 770, 852, 941), (1209, 1336, 1477), ("123", "456", "789", "*0#")


def main() -> None:
    """Do what the command line says; exit when the call is over."""
    parser = argparse.ArgumentParser()
    for name in ("--server-port", "--port", "--rtp", "--seconds", "--hz"):
        parser.add_argument(name, type=int, required=True)
    parser.add_argument("--dial", default="")
    parser.add_argument("--press", default="")
    parser.add_argument("--heard", required=True)
    options = parser.parse_args()
    called: list[VoIPCall] = []
    rang = threading.Event()

    def ringing(call: VoIPCall) -> None:
        called.append(call)
        rang.set()

    phone = VoIPPhone(
        *("127.0.0.1", options.server_port, "pyvoip", ""),
        myIP="127.0.0.1",
        callCallback=ringing,
        sipPort=options.port,
        rtpPortLow=options.rtp,
        rtpPortHigh=options.rtp,
    )
    phone.sip.register = lambda: True
    phone.start()
    tell("ready")
    try:
        if options.dial:
            time.sleep(1.1)  # it hears nothing in its first second
            call = phone.call(options.dial)
        else:
            assert rang.wait(options.seconds), "nobody called"
            call = called[0]
            call.answer()
        said = pressed(options.press) if options.press else tone(options.seconds, options.hz)
        talk(call, said, options.seconds, options.heard)
    finally:
        phone.stop()


def tone(seconds: float, *frequencies: int) -> bytes:
    """Return tones at once as 8-bit linear sound; none are silence."""
    at = np.arange(round(RATE_HZ * seconds)) / RATE_HZ
    wave = np.full(len(at), 128.0) + sum(32 * np.sin(2 * np.pi * hz * at) for hz in frequencies)
    return bytes(wave.astype(np.uint8))


def pressed(keys: str) -> bytes:
    """Return the sound of keys (ITU-T Q.23), after half a second."""
    pad = {key: (ROWS[row], COLUMNS[column]) for row, line in enumerate(PAD) for column, key in enumerate(line)}
    return tone(0.5) + b"".join(tone(0.12, *pad[key]) + tone(0.12) for key in keys)


def talk(call: VoIPCall, said: bytes, seconds: int, heard: str) -> None:
    """Say something and keep what comes until the far end hangs up, or for so long."""
    deadline = time.monotonic() + seconds
    while call.state == CallState.DIALING and time.monotonic() < deadline:
        time.sleep(0.02)
    tell(call.state.value)
    if call.state == CallState.ANSWERED:
        call.write_audio(said)
    with open(heard, "wb") as file:
        while call.state == CallState.ANSWERED and time.monotonic() < deadline:
            file.write(call.read_audio(FRAME, blocking=False))
            file.flush()
            time.sleep(FRAME / RATE_HZ)
            if key := call.get_dtmf():
                tell("key", key)
    tell(call.state.value)
    if call.state == CallState.ANSWERED:
        call.hangup()
        tell("hung up")


def tell(*words: str) -> None:
    """Print a line of JSON."""
    print(json.dumps(words), flush=True)


if __name__ == "__main__":
    main()
