"""A filter in the kernel that lets a socket receive from one source only: a flood on a media port then costs nothing.

A socket holds some 170 packets. Of a flood of 10 000 a second 200 come between two reads, so the peer's own are among
those that find no room, however cheaply the others are dropped afterwards. What a classic BPF program (Linux
`Documentation/networking/filter.rst`) refuses never takes room. The program reads the source address out of the IP
header (at the negative offset `SKF_NET_OFF`) and the source port out of the UDP header, where the packet begins for it.
"""

import ctypes
import socket
import struct
import sys
from typing import Final

from softswitch.net.address import Address
from softswitch.net.networks import packed

SO_ATTACH_FILTER: Final = 26  # asm-generic/socket.h; Python has no names for them
SO_DETACH_FILTER: Final = 27
#: Where the IP header begins for a program, as a number that wraps around (linux/filter.h).
_NET: Final = 0x1_0000_0000 - 0x100000
_LOAD_WORD, _LOAD_HALF, _UNLESS_EQUAL, _RETURN = 0x20, 0x28, 0x15, 0x06
_WHOLE: Final = 0xFFFF
#: Offset of the source address in an IPv4 and an IPv6 header.
_SOURCE_AT: Final = {4: 12, 16: 8}
_STEP: Final = struct.Struct("=HBBI")
#: A pointer behind the number of steps, aligned as the compiler does it.
_PROGRAM: Final = struct.Struct("@HP")


def program(source: Address) -> bytes:
    """Return the steps that take a datagram from `source` (IP address, port) and no other; empty where it is none."""
    octets = packed(source[0])
    if not octets:
        return b""
    checks = [(_LOAD_HALF, 0, source[1])]
    for at in range(0, len(octets), 4):
        word = int.from_bytes(octets[at : at + 4])
        checks.append((_LOAD_WORD, _NET + _SOURCE_AT[len(octets)] + at, word))
    steps = []
    for place, (load, offset, wanted) in enumerate(checks):
        to_refusal = 2 * (len(checks) - place - 1) + 1
        steps += [_STEP.pack(load, 0, 0, offset), _STEP.pack(_UNLESS_EQUAL, 0, to_refusal, wanted)]
    return b"".join([*steps, _STEP.pack(_RETURN, 0, 0, _WHOLE), _STEP.pack(_RETURN, 0, 0, 0)])


def attach(raw: socket.socket, source: Address) -> bool:
    """Let a socket receive from `source` only; False where the system has no such filters."""
    steps = program(source)
    if not steps or not sys.platform.startswith("linux"):
        return False
    kept = ctypes.create_string_buffer(steps, len(steps))
    try:
        raw.setsockopt(
            socket.SOL_SOCKET, SO_ATTACH_FILTER, _PROGRAM.pack(len(steps) // _STEP.size, ctypes.addressof(kept))
        )
    except OSError:
        return False
    return True


def detach(raw: socket.socket) -> None:
    """Let a socket receive from everybody again."""
    try:
        raw.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)
    except OSError:  # there was none
        return
