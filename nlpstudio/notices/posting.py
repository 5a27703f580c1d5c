"""One POST to an address that somebody typed: only to the public internet, to the very address that was checked.

A name is resolved once, every address it has must be allowed, and the connection goes to one of these, so a name
server cannot answer otherwise the second time. Redirects are not followed, no proxy of the environment is used, and
nothing of the answer but its status is kept, so that nobody can read through us what we can reach.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.utils.encoding import iri_to_uri
from django.utils.translation import gettext as _

CONNECT_SECONDS = 5.0
WHOLE_SECONDS = 10.0
MOST_ADDRESSES = 2
"""Of a name that has many: each may take `CONNECT_SECONDS`."""
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_DISGUISES = tuple(
    ipaddress.ip_network(each)
    for each in ("::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16", "fec0::/10")
)
"""IPv6 that carries an IPv4 address inside, or is local by an older rule."""


class NotAllowed(Exception):
    """The address is none that we may call. `str()` says why, in words for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back: the status, and how long it took."""

    status: int
    took_ms: int


def check(url: str) -> SplitResult:
    """The parts of an address that may be called as far as its text tells. Raises `NotAllowed`."""
    try:
        parts = urlsplit(url)
        port = parts.port
        host = (parts.hostname or "").encode("idna").decode()
    except ValueError as error:
        raise NotAllowed(_("This is no address of the web.")) from error
    if not host or any(letter.isspace() or not letter.isprintable() for letter in url):
        raise NotAllowed(_("This is no address of the web."))
    if parts.scheme != "https" and not (parts.scheme == "http" and settings.WEBHOOK_NETWORKS):
        raise NotAllowed(_("The address must begin with https://."))
    if parts.username is not None or parts.password is not None:
        raise NotAllowed(_("Leave name and password out of the address: the signature shows who calls."))
    if port is not None and port not in (80, 443) and port < 1024:
        raise NotAllowed(_("This port belongs to another service."))
    try:
        literal = ipaddress.ip_address(host)
    except ValueError:
        return parts
    if not is_allowed(literal):
        raise NotAllowed(_("This address is not on the public internet."))
    return parts


def is_allowed(address: Address) -> bool:
    """Whether it is on the public internet, or in a network that the administrator named."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if any(address in network for network in settings.WEBHOOK_NETWORKS):
        return True
    if any(address in network for network in _DISGUISES):
        return False
    is_special = address.is_multicast or address.is_reserved or address.is_unspecified or address.is_loopback
    return address.is_global and not (is_special or address.is_private or address.is_link_local)


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name, all of which are allowed. Raises `NotAllowed`, and `OSError` when there is none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for each in addresses:
        if not is_allowed(ipaddress.ip_address(each)):
            raise NotAllowed(_("The name leads to an address that is not on the public internet."))
    return addresses[:MOST_ADDRESSES]


class _Connection(http.client.HTTPConnection):
    """To one of the given addresses, whatever its host is called; the certificate must be the host's."""

    def __init__(self, host: str, port: int, addresses: Iterable[str], tls: ssl.SSLContext | None) -> None:
        super().__init__(host, port, timeout=CONNECT_SECONDS)
        self._addresses, self._tls = list(addresses), tls
        self.default_port = 443 if tls else 80
        self.is_hung_up = False

    def connect(self) -> None:
        self.sock = self._first_that_answers()
        if self._tls:
            self.sock = self._tls.wrap_socket(self.sock, server_hostname=self.host)

    def _first_that_answers(self) -> socket.socket:
        *others, last = self._addresses
        for address in others:
            try:
                return socket.create_connection((address, self.port), CONNECT_SECONDS)
            except OSError:
                continue
        return socket.create_connection((last, self.port), CONNECT_SECONDS)


def post(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Send it and return what was answered, a redirect too.

    Raises `NotAllowed`, and `OSError` or `http.client.HTTPException` when there was no answer within `WHOLE_SECONDS`.
    """
    parts = check(url)
    host = (parts.hostname or "").encode("idna").decode()
    is_safe = parts.scheme == "https"
    port = parts.port or (443 if is_safe else 80)
    begun = time.monotonic()
    connection = _Connection(host, port, resolve(host, port), ssl.create_default_context() if is_safe else None)
    target = iri_to_uri((parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
    watchdog = threading.Timer(WHOLE_SECONDS, _hang_up, [connection])
    watchdog.start()
    try:
        connection.request("POST", target, body=body, headers=dict(headers))
        status = connection.getresponse().status
        if connection.is_hung_up:  # the head of the answer was cut short, which http.client takes for its end
            raise TimeoutError
    finally:
        watchdog.cancel()
        connection.close()
    return Answer(status=status, took_ms=round(1000 * (time.monotonic() - begun)))


def _hang_up(connection: _Connection) -> None:
    """A receiver that sends a byte now and then would keep us for ever: each byte is in time."""
    connection.is_hung_up = True
    if connection.sock is not None:
        try:
            connection.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return
