"""The clocks of ``time``, typed as the small integers they are; always compared through ``ticks_diff``."""

TYPE_CHECKING = False
if TYPE_CHECKING:

    def ticks_ms() -> int:
        """Milliseconds, modulo something."""

    def ticks_us() -> int:
        """Microseconds, modulo something."""

    def ticks_add(ticks: int, delta: int) -> int:
        """A moment later or earlier."""

    def ticks_diff(after: int, before: int) -> int:
        """How much later the first moment is."""

else:
    from time import ticks_add, ticks_diff, ticks_ms, ticks_us

__all__ = ("ticks_add", "ticks_diff", "ticks_ms", "ticks_us")
