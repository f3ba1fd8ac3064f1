"""Sending: an address and a signed body in; one POST, limited in time, and what came of it out."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
import urllib.request
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

__all__ = ["Answer", "in_the_open", "post"]

_LONGEST_WAIT = 3600.0  # seconds that a receiver may ask us to wait
_HERE = ("localhost", "127.0.0.1", "::1")


class Answer(NamedTuple):
    """What came of an attempt.

    Attributes
    ----------
    status : of the answer; None where there was none in time.
    error : why there was none, without the address, which may hold a key.
    wait : seconds that the receiver has asked for.
    """

    status: int | None
    error: str = ""
    wait: float = 0.0

    @property
    def arrived(self) -> bool:
        """Whether the receiver has it."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def hopeless(self) -> bool:
        """Whether it refuses this message, now and always."""
        return self.status is not None and 400 <= self.status < 500 and self.status not in (408, 429)

    def __str__(self) -> str:
        return self.error if self.status is None else f"answered {self.status}"


def post(url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> Answer:
    """POST once. Redirects are not followed, and a certificate that cannot be verified is no connection.

    Parameters
    ----------
    seconds : for all of it, from connecting to the answer's headers; a name that is slow to be found may take longer.
    """
    parts = urlsplit(url)
    path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    connection = _connection(url, seconds)
    late = threading.Event()

    def stop() -> None:  # a receiver that sends a byte now and then would never be too late for the socket itself
        late.set()
        with contextlib.suppress(OSError, AttributeError):
            connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, stop)
    timer.daemon = True
    timer.start()
    try:
        connection.connect()
        if late.is_set():
            return Answer(None, _too_late(seconds))
        connection.request("POST", path, body=body, headers=dict(headers))
        answer = connection.getresponse()
        if late.is_set():  # what was cut off reads like headers that have ended
            return Answer(None, _too_late(seconds))
        return Answer(answer.status, wait=_asked(answer.getheader("Retry-After")))
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Answer(None, _too_late(seconds) if late.is_set() else _told(error, seconds))
    finally:
        timer.cancel()
        connection.close()


def in_the_open(url: str) -> bool:
    """Whether what is sent there can be read on its way."""
    parts = urlsplit(url)
    return parts.scheme != "https" and parts.hostname not in _HERE


def _connection(url: str, seconds: float) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https":
        return http.client.HTTPConnection(host, parts.port, timeout=seconds)
    verified = ssl.create_default_context()
    proxy = urlsplit(urllib.request.getproxies().get("https", ""))
    if not proxy.hostname or urllib.request.proxy_bypass(host):
        return http.client.HTTPSConnection(host, parts.port, timeout=seconds, context=verified)
    tunnel = http.client.HTTPSConnection(proxy.hostname, proxy.port, timeout=seconds, context=verified)
    tunnel.set_tunnel(host, parts.port)
    return tunnel


def _asked(header: str | None) -> float:
    """Seconds of a Retry-After; a date is not read."""
    text = (header or "").strip()
    return min(float(text), _LONGEST_WAIT) if text.isascii() and text.isdigit() else 0.0


def _too_late(seconds: float) -> str:
    return f"did not answer within {seconds:g} s"


def _told(error: Exception, seconds: float) -> str:
    if isinstance(error, TimeoutError):
        return _too_late(seconds)
    if isinstance(error, ssl.SSLCertVerificationError):
        return "has a certificate that cannot be verified"
    if isinstance(error, ConnectionRefusedError):
        return "refused the connection"
    if isinstance(error, socket.gaierror):
        return "has a name that is not found"
    return f"broke the connection off ({type(error).__name__})"
