"""Something of the product that runs beside a test, in a thread: what it dies of is the test's to know."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor


class Background:
    """``run`` in a thread, once started."""

    def __init__(self, name: str, run: Callable[[], None]) -> None:
        self._run = run
        self._pool = ThreadPoolExecutor(1, name)
        self._ended: Future[None] | None = None
        self._told = False

    def start(self) -> None:
        """Begin."""
        self._ended = self._pool.submit(self._run)

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._ended is not None and not self._ended.done()

    def failure(self, timeout_s: float) -> BaseException | None:
        """What it died of; None if it returned. Who asks knows, and :meth:`end` says no more.

        Raises:
            TimeoutError: it has not ended in that time.
        """
        assert self._ended is not None, "it was never started"
        found = self._ended.exception(timeout_s)
        self._told = True
        return found

    def end(self, timeout_s: float) -> None:
        """It was told to stop.

        Raises:
            TimeoutError: it did not.
            BaseException: what it died of, if nobody has asked for that.
        """
        self._pool.shutdown(wait=False)
        known = self._told
        failure = self.failure(timeout_s)
        if failure is not None and not known:
            raise failure
