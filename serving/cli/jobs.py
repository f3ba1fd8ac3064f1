"""What a scheduler needs of a command: its exit codes, one at a time in a home, and an end when it is asked to stop."""

from __future__ import annotations

import contextlib
import datetime as dt
import enum
import functools
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, ParamSpec

import click

from features.errors import TenureError
from serving.cli.options import home_of
from training.stores import alone

__all__ = ["BusyError", "Exit", "Stop", "one_at_a_time", "only_one", "stoppable"]

P = ParamSpec("P")

_PATIENCE = 5.0
"""Seconds in which a process that is asked to stop may clear up."""


class Exit(enum.IntEnum):
    """Every exit code; the table in docs/jobs.md says what each means to a schedule."""

    DONE = 0
    FAILED = 1
    """It could not; one plain sentence on stderr says why."""
    USAGE = 2
    """The command line is wrong."""
    RETRAIN = 3
    """`monitor` has looked, and says: train again."""
    BUSY = 75
    """Somebody else is at it, and --no-wait was given; EX_TEMPFAIL of sysexits.h, "try again later"."""
    INTERRUPTED = 130
    """Stopped by Ctrl-C; 128 and the number of the signal, as shells count."""
    TERMINATED = 143
    """Stopped by SIGTERM, what a scheduler sends."""


class BusyError(TenureError):
    """Another process holds the lock, and nobody wants to wait for it."""


@contextlib.contextmanager
def only_one(home: Path, job: str, *, wait: bool = True) -> Iterator[None]:
    """One process at a time does a job in a home; the others wait, or stop.

    The system frees the lock when its holder ends, however it ends; the file `<home>/<job>.lock` stays, and what it
    says (a process and since when) is only told, never believed. Without fcntl (on Windows) nothing is locked.

    Parameters
    ----------
    wait : tell on stderr who is at it, and wait; otherwise do not wait.

    Raises
    ------
    BusyError : another process is at it, and `wait` is false.
    TenureError : the home cannot be written or locked.
    """

    def held(note: str) -> None:
        who = f"Another tenure {job}{_told(note)} is using {home}"
        if not wait:
            raise BusyError(f"{who}; try again later, or leave out --no-wait to wait for it.")
        click.echo(f"{who}; waiting for it.", err=True)

    note = f"{os.getpid()} {dt.datetime.now(dt.UTC).isoformat(timespec='seconds')}\n"
    with contextlib.ExitStack() as stack:
        try:
            home.mkdir(parents=True, exist_ok=True)
            stack.enter_context(alone(home, f"{job}.lock", note=note, held=held))
        except OSError as error:
            raise TenureError(
                f"The home folder {home} cannot be written or locked ({error.strerror}); choose another with --home."
            ) from None
        yield


def _told(note: str) -> str:
    """Who holds a lock and since when, as the lock's file says; empty when that is nobody who lives here.

    >>> _told("what is this")
    ''
    """
    try:
        pid, since = note.split()
        os.kill(int(pid), 0)  # sends nothing; whoever was killed, or lives in another container, is not there
        began = dt.datetime.fromisoformat(since).astimezone(dt.UTC)
    except PermissionError:  # there, but another user's
        return f" (process {pid})"
    except (ValueError, OSError, OverflowError):
        return ""
    day = "" if began.date() == dt.datetime.now(dt.UTC).date() else f"{began.date()} "
    return f" (process {pid}, since {day}{began:%H:%M} UTC)"


def one_at_a_time(job: str) -> Callable[[Callable[P, None]], Callable[..., None]]:
    """Let a command run once at a time in its home, and give it --no-wait."""

    def decorate(command: Callable[P, None]) -> Callable[..., None]:
        @functools.wraps(command)
        def guarded(*arguments: Any, no_wait: bool, **options: Any) -> None:
            with only_one(home_of(click.get_current_context()), job, wait=not no_wait):
                command(*arguments, **options)

        said = f"Stop with exit code {Exit.BUSY} where another {job} is using the home; wait for it otherwise."
        return click.option("--no-wait", is_flag=True, help=said)(guarded)

    return decorate


class Stop(KeyboardInterrupt):
    """Somebody asked this process to stop; libraries let it pass, as they do with Ctrl-C."""


@contextlib.contextmanager
def stoppable() -> Iterator[Callable[[], Exit | None]]:
    """SIGTERM unwinds as Ctrl-C does, so that drafts are removed and locks freed; yields what was asked for, if it was.

    DuckDB turns any exception of a signal's handler into a RuntimeError of its own, so that the kind of exception does
    not tell whether somebody asked to stop; and now and then it drops it and goes on, so that whoever has not ended
    after five seconds is ended. A second signal ends the process there and then.
    """
    asked: list[Exit] = []
    late: list[threading.Timer] = []
    codes = {signal.SIGINT: Exit.INTERRUPTED, signal.SIGTERM: Exit.TERMINATED}

    def stop(number: int, frame: FrameType | None) -> None:
        asked.append(codes[signal.Signals(number)])
        signal.signal(number, signal.SIG_DFL)
        late.append(threading.Timer(_PATIENCE, _end, (asked[0],)))
        late[-1].daemon = True
        late[-1].start()
        raise Stop

    handlers = {}
    if threading.current_thread() is threading.main_thread():  # only there may handlers be set
        for number in codes:
            if signal.getsignal(number) not in (signal.SIG_IGN, None):  # nohup and its like mean it
                handlers[number] = signal.signal(number, stop)
    try:
        yield lambda: asked[0] if asked else None
    finally:
        for timer in late:
            timer.cancel()
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _end(code: Exit) -> None:
    print("tenure: stopped.", file=sys.stderr, flush=True)
    os._exit(code)
