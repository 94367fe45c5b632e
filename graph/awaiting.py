"""Asynchronous components, called by nodes that are not.

All of them run in one loop of a thread of its own, however the graph is called: what a component
keeps from call to call, a client and its connections, stays in the loop that it was made in.
"""

import asyncio
import atexit
import contextlib
import functools
import inspect
import threading
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

Member = TypeVar("Member", bound=Callable[..., Any])


def synchronous(member: Member) -> Member:
    """A component as nodes call it: itself, or, where it is asynchronous, one that waits for it."""
    called = member if inspect.isroutine(member) else type(member).__call__
    if not inspect.iscoroutinefunction(called):
        return member
    return cast(Member, Awaited(member))


class Awaited:
    """An asynchronous component, waited for.

    Its call sees the context variables of the node, so callbacks, `interrupt()` and the record of
    model calls are as for any other.
    """

    def __init__(self, member: Callable[..., Awaitable[Any]]) -> None:
        self._member = member
        self.__doc__ = member.__doc__
        if hasattr(member, "about"):
            self.about = member.about

    def __call__(self, subject: Any) -> Any:
        running = asyncio.run_coroutine_threadsafe(self._called(subject), _loop())
        try:
            return running.result()
        except BaseException:
            running.cancel()  # of no effect where it is the component's own failure
            raise

    async def _called(self, subject: Any) -> Any:
        return await self._member(subject)


_starting = threading.Lock()


def _loop() -> asyncio.AbstractEventLoop:
    with _starting:
        return _started()


@functools.cache
def _started() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=_serve, args=(loop,), name="reinspect-async", daemon=True).start()
    atexit.register(_stop, loop)
    return loop


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.close()


def _stop(loop: asyncio.AbstractEventLoop) -> None:
    with contextlib.suppress(RuntimeError):  # it is closed already
        loop.call_soon_threadsafe(loop.stop)
