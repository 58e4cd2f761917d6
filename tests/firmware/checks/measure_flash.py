"""Flash whose operations cost next to nothing: theirs on the device come from its data sheet."""


class PlainFlash:
    """16 sectors of 16 pages, of which the first ``kept`` bytes are kept; nobody may write into the rest."""

    sectors = pages = 16

    def __init__(self, kept=64):
        self.kept = kept
        self.data = [bytearray(b"\xff" * kept * 16) for _ in range(16)]
        self.blank = b"\xff" * 256

    def _at(self, page):
        sector, within = divmod(page, 16)
        return memoryview(self.data[sector])[within * self.kept : (within + 1) * self.kept]

    def read(self, page, buffer):
        buffer[:] = self.blank
        buffer[: self.kept] = self._at(page)

    def program(self, page, buffer):
        kept = self._at(page)
        if kept[0] == 0xFF:
            kept[:] = memoryview(buffer)[: self.kept]
            return
        for i in range(self.kept):
            kept[i] &= buffer[i]

    def erase(self, sector):
        for page in range(16):
            self._at(sector * 16 + page)[:] = self.blank[: self.kept]
