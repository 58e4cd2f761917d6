"""NOR flash in memory, with a power that fails at a chosen operation and leaves something half done."""

PAGE = 256


class PowerCut(Exception):
    """The supply is gone in the middle of an instruction."""


class NorFlash:
    """``cut_at``: the flash operation (1, 2, ...) at which power fails; ``how``: what that operation leaves behind.

    ``bad``: pages that do not keep what is written.
    """

    def __init__(self, sectors, pages):
        self.sectors = sectors
        self.pages = pages
        self.data = [bytearray(b"\xff" * 64) for _ in range(sectors * pages)]
        self.operations = 0
        self.erasures = [0] * sectors
        self.cut_at = 0
        self.how = None
        self.bad = set()

    def read(self, page, buffer):
        for i in range(len(buffer)):
            buffer[i] = 0xFF
        kept = self.data[page]
        buffer[: len(kept)] = kept

    def program(self, page, buffer):
        assert all(byte == 0xFF for byte in self.data[page]), "a page is programmed once between two erasures"
        assert len(buffer) == PAGE and all(byte == 0xFF for byte in buffer[64:])
        for i in self._which(64):
            self.data[page][i] &= buffer[i]
        if page in self.bad:
            self.data[page][0] = 0
        self._done()

    def erase(self, sector):
        self.erasures[sector] += 1
        first = sector * self.pages
        for i in self._which(64 * self.pages):
            self.data[first + i // 64][i % 64] = 0xFF
        self._done()

    def _which(self, size):
        """The bytes that this operation reaches before the power fails."""
        self.operations += 1
        if self.operations != self.cut_at:
            return range(size)
        return self.how(size)

    def _done(self):
        if self.operations == self.cut_at:
            raise PowerCut


def nothing(size):
    """Cut before it began."""
    return range(0)


def first_byte(size):
    return range(1)


def half(size):
    return range(size // 2)


def all_but_last(size):
    return range(size - 20)


def second_half(size):
    return range(size // 2, size)


def every_third(size):
    return range(0, size, 3)


def everything(size):
    """Cut after it was complete, before anyone could take note."""
    return range(size)


WAYS = (nothing, first_byte, half, all_but_last, second_half, every_third, everything)
