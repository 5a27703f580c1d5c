"""What a training process gives up before it touches data and weights: the network, and core dumps.

Linux only, and only where the kernel lets it (user namespaces allowed, or root with CAP_SYS_ADMIN); elsewhere the process
goes on as it is. In a container of our `compose.yaml`, which drops all capabilities, it depends on the host.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import resource
import socket
import struct
import sys
from contextlib import suppress
from pathlib import Path

_CLONE_NEWUSER = 0x10000000  # linux/sched.h
_CLONE_NEWNET = 0x40000000
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1  # linux/sockios.h, linux/if.h


def confine() -> bool:
    """Give up the network and core dumps. Whether the network is gone. Call it while there is one thread."""
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return leave_network()


def leave_network() -> bool:
    """Move into a network namespace of one's own, where only the loopback is. Whether the kernel let us."""
    if not sys.platform.startswith("linux") or len(os.listdir("/proc/self/task")) > 1:  # noqa: PTH208  # names only
        return False
    user, group = os.getuid(), os.getgid()
    unshare = ctypes.CDLL(None, use_errno=True).unshare
    if unshare(_CLONE_NEWNET) == 0:
        _raise_loopback()
        return True
    if unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
        return False
    with suppress(OSError):  # without the maps files would seem to belong to nobody, but still be ours
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1", encoding="ascii")
    _raise_loopback()
    return True


def _raise_loopback() -> None:
    """Processes of one training talk over it."""
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))
