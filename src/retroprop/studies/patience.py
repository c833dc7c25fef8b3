"""How a study outlives a restart of its database server: its transactions are done again.

SQLite has no server. Another one may be restarted, or moved to another machine, while a study that
takes hours is trained: what was in flight is lost with the connection, and its transaction is done
again on a new one. Nobody knows whether a commit that was not answered took place; so whatever is
`retried` may be done twice.
"""

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from sqlalchemy.exc import DBAPIError, OperationalError

from retroprop.errors import Interrupted, UserError

WAITS_S = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Seconds before each further attempt, a minute in all: a server that restarts takes some."""

_LOOK_S = 0.25
"""How often somebody who waits looks whether to stop."""


class ServerAwayError(UserError):
    """The server of the database is away, and was there before."""


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How somebody waits for a server that is away.

    Attributes:
        note: What to tell the person who waits, once for each time that the server is away.
        must_stop: Whether to stop waiting, for Ctrl-C.
        sleep: What waits for some seconds.
        waits_s: Seconds before each further attempt.
    """

    note: Callable[[str], None] = lambda _: None
    must_stop: Callable[[], bool] = lambda: False
    sleep: Callable[[float], None] = time.sleep
    waits_s: tuple[float, ...] = field(default_factory=lambda: WAITS_S)

    def pause(self, seconds: float) -> None:
        """Wait so long, in small steps.

        Raises:
            Interrupted: If somebody asked to stop.
        """
        for _ in range(max(1, round(seconds / _LOOK_S))):
            if self.must_stop():
                raise Interrupted
            self.sleep(min(seconds, _LOOK_S))


class _Patient(Protocol):
    """What has methods that are `retried`: without patience, an error is said at once."""

    patience: Patience | None

    @property
    def location(self) -> str: ...


_Self = TypeVar("_Self", bound=_Patient)
_P = ParamSpec("_P")
_Result = TypeVar("_Result")


def retried(
    method: Callable[Concatenate[_Self, _P], _Result],
) -> Callable[Concatenate[_Self, _P], _Result]:
    """Let a method that may be done twice wait for a server that is away, and do it again.

    Raises (the method):
        UserError: If the server is away for longer than we wait.
    """

    @functools.wraps(method)
    def patient(self: _Self, *arguments: _P.args, **options: _P.kwargs) -> _Result:
        patience = self.patience
        if patience is None:
            return method(self, *arguments, **options)
        total_s = sum(patience.waits_s)
        for number, seconds in enumerate(patience.waits_s):
            try:
                return method(self, *arguments, **options)
            except ServerAwayError:
                if number == 0:
                    patience.note(
                        f"The database server of {self.location} is away: waiting for it, up to "
                        f"{total_s:.0f} s."
                    )
                patience.pause(seconds)
        try:
            return method(self, *arguments, **options)
        except ServerAwayError as error:
            raise UserError(
                f"the database server of {self.location} did not come back within {total_s:.0f} s; "
                "everything up to the last finished epoch is kept: run the same command again once "
                "it answers."
            ) from error

    return patient


def server_is_away(error: DBAPIError, *, was_there: bool) -> bool:
    """Whether an error of a server's driver says that the server is away.

    A connection was lost, or none can be made: of a server that has answered before, whatever the
    reason, for its address and our password were right then.
    """
    if error.connection_invalidated:
        return True
    connecting = isinstance(error, OperationalError) and error.statement is None
    return connecting and (was_there or "the database system is " in str(error.orig))
