"""Starts the service: from a home, a store, settings, a host and a port to a running `bentoml serve`."""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from pathlib import Path
from typing import NoReturn

from features.errors import TenureError
from features.settings import load_settings
from serving.store.address import Address
from serving.store.store import Store

__all__ = ["command", "environment", "serve"]

# The folder that holds the packages: the checkout, or site-packages when Tenure is installed.
_ROOT = Path(__file__).resolve().parent.parent


def serve(
    home: Path,
    address: Address,
    host: str = "127.0.0.1",
    port: int = 3000,
    workers: int = 1,
    max_in_flight: int = 256,
    config: Path | None = None,
) -> NoReturn:
    """Become the server; the process is replaced, so that signals reach it directly.

    The store is made or brought up to date before, so that workers find it ready.

    Parameters
    ----------
    config : the settings, which every worker reads once when it starts; the defaults without one.

    Raises
    ------
    TenureError : the host, the port or the number of workers cannot be served on, the settings cannot be read, or the
        store does not answer.
    """
    ip = _ip(host)
    if not 1 <= port <= 65535:
        raise TenureError(f"The port {port} is not between 1 and 65535; choose another with --port.")
    if workers < 1:
        raise TenureError(f"{workers} workers cannot serve; give 1 or more.")
    _check_free(ip, port)
    load_settings(config)  # a worker that could not read them would be started again for ever
    Store.open(address).close()
    arguments, variables = command(ip, port), environment(home, address, port, workers, max_in_flight, config)
    # bentoml puts the working directory first on the import path, where a folder that happens to be called
    # `features` or `serving` would be taken for Tenure's.
    os.chdir(_ROOT)
    print(f"Serving {home} on http://{host}:{port}; stop with Ctrl-C.", file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(arguments[0], arguments, variables)


def command(address: str, port: int) -> list[str]:
    """The command line of the server, to be run in the folder that holds the packages."""
    return [
        sys.executable, "-m", "bentoml", "serve", "serving.service:Tenure",
        "--working-dir", str(_ROOT), "--host", address, "--port", str(port),
    ]  # fmt: skip


def environment(
    home: Path, address: Address, port: int, workers: int, max_in_flight: int = 256, config: Path | None = None
) -> dict[str, str]:
    """The environment of the server: where home, store and settings are, and nothing reported or left outside them."""
    home = home.absolute()
    variables = dict(os.environ)
    variables.update(
        TENURE_HOME=str(home),
        # Empty for the file in the home, which every worker finds there.
        TENURE_STORE="" if address.file else address.url.render_as_string(hide_password=False),
        # Empty for the defaults; the server runs in another folder than the one that a path was said in.
        TENURE_CONFIG=str(config.absolute()) if config else "",
        TENURE_WORKERS=str(workers),
        TENURE_MAX_IN_FLIGHT=str(max_in_flight),
        BENTOML_DO_NOT_TRACK="True",
        PYTHONUNBUFFERED="1",
    )
    # bentoml empties its folder of metrics when it starts, so that two servers must not share one.
    variables.setdefault("BENTOML_HOME", str(home / "bentoml" / str(port)))
    return variables


def _ip(host: str) -> str:
    """An IP address for a host; bentoml takes nothing else."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        return str(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0])
    except (OSError, UnicodeError):
        raise TenureError(f"The host {host} is not known here; give an IP address, as in --host 127.0.0.1.") from None


def _check_free(address: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            raise TenureError(
                f"Nothing can be served on {address}:{port} ({error.strerror}); choose another with --port."
            ) from None
