"""A disk as POSIX leaves it after a power cut, rebuilt from the calls that a process made.

What was synced is there. Of what was written later any part may be there, in sectors of 512 bytes or pages of 4096;
of names made, changed and removed since their folder was synced the first few, in order, as file systems with a journal
keep them. Shared memory (``-shm``) is written without calls: after a cut it is not there, or rubbish.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.faults.tracing import Call, TracingFailed

UNSEEN = ("-shm", "/lock")
"""Ends of names whose content is not followed."""
_SECTORS = (512, 4096)
_SHM_BYTES = 32768


@dataclass(slots=True, eq=False)
class File:
    """``synced`` is what a cut cannot take any more; ``later`` the writes and new lengths (without data) since then."""

    synced: bytearray = field(repr=False)
    later: list[tuple[int, bytes | None]] = field(default_factory=list, repr=False)

    def now(self) -> bytes:
        """The content as a process sees it."""
        return bytes(_applied(self.synced, self.later))

    def sync(self) -> None:
        """All of it is durable."""
        self.synced, self.later = _applied(self.synced, self.later), []

    def cut(self, survives: Callable[[], bool], sector: int) -> bytes:
        """The content when of each sector written later chance decides."""
        pieces = [piece for one in self.later for piece in _pieces(*one, sector) if survives()]
        return bytes(_applied(self.synced, pieces))


def _applied(content: bytearray, changes: Iterable[tuple[int, bytes | None]]) -> bytearray:
    result = bytearray(content)
    for offset, data in changes:
        if data is None:
            del result[offset:]
            result.extend(bytes(offset - len(result)))
        else:
            result.extend(bytes(max(0, offset - len(result))))
            result[offset : offset + len(data)] = data
    return result


def _pieces(offset: int, data: bytes | None, sector: int) -> Iterable[tuple[int, bytes | None]]:
    if data is None:
        yield offset, None
        return
    place = 0
    while place < len(data):
        size = sector - (offset + place) % sector
        yield offset + place, data[place : place + size]
        place += size


@dataclass(slots=True)
class _Open:
    file: File | None
    """None: a folder."""
    path: str
    place: int = 0


@dataclass(slots=True)
class Disk:
    """One folder and what is in it. Feed it calls with :meth:`follow`; ask at any moment what a cut would leave."""

    root: str
    said_by: Callable[[bytes], None]
    """Told what is written to anything that is not in the folder."""
    names: dict[str, File] = field(default_factory=dict)
    _durable: dict[str, File] = field(default_factory=dict)
    _renamed: list[tuple[str, File | None]] = field(default_factory=list)
    _folders: set[str] = field(default_factory=set)
    """Those made by the process: one whose own name is lost takes its files with it."""
    _open: dict[int, _Open] = field(default_factory=dict)

    @classmethod
    def load(cls, root: Path, said_by: Callable[[bytes], None]) -> Disk:
        """The folder as it is, all of it durable."""
        disk = cls(str(root), said_by)
        for path in root.rglob("*"):
            if path.is_file() and not str(path).endswith(UNSEEN):
                disk.names[str(path)] = disk._durable[str(path)] = File(bytearray(path.read_bytes()))
        return disk

    def move(self, root: str) -> None:
        """The same files, as if the folder were ``root``."""
        moved = {root + path.removeprefix(self.root): file for path, file in self.names.items()}
        self.root, self.names, self._durable = root, moved, dict(moved)

    # --- following ------------------------------------------------------------------------------------------------

    def follow(self, call: Call) -> None:
        """Do what ``call`` did.

        Raises:
            TracingFailed: it changed a file in a way that is not known here.
        """
        action = getattr(self, f"_on_{call.name}", None)
        if action is None:
            raise TracingFailed(f"{call.name} is not known to the replay")
        action(call)

    def _on_openat(self, call: Call) -> None:
        path, flags = _text(call.arguments[1]), str(call.arguments[2])
        if not path.startswith(self.root) or path.endswith(UNSEEN):
            return
        if "O_DIRECTORY" in flags or Path(path).is_dir():
            self._open[call.result] = _Open(None, path)
            return
        if path not in self.names:
            if "O_CREAT" not in flags:
                raise TracingFailed(f"{Path(path).name} was opened and is not known")
            self._name(path, File(bytearray()))
        file = self.names[path]
        if "O_TRUNC" in flags:
            file.later.append((0, None))
        self._open[call.result] = _Open(file, path, len(file.now()) if "O_APPEND" in flags else 0)

    def _on_close(self, call: Call) -> None:
        self._open.pop(_number(call.arguments[0]), None)

    def _on_lseek(self, call: Call) -> None:
        if one := self._open.get(_number(call.arguments[0])):
            one.place = call.result

    def _on_write(self, call: Call) -> None:
        one, data = self._open.get(_number(call.arguments[0])), call.arguments[1]
        assert isinstance(data, bytes)
        if one is None:
            self.said_by(data)
        elif one.file is not None:
            one.file.later.append((one.place, data[: call.result]))
            one.place += call.result

    def _on_pwrite64(self, call: Call) -> None:
        one, data = self._open.get(_number(call.arguments[0])), call.arguments[1]
        assert isinstance(data, bytes)
        if one is not None and one.file is not None:
            one.file.later.append((_number(call.arguments[3]), data[: call.result]))

    def _on_ftruncate(self, call: Call) -> None:
        one = self._open.get(_number(call.arguments[0]))
        if one is not None and one.file is not None:
            one.file.later.append((_number(call.arguments[1]), None))

    def _on_fsync(self, call: Call) -> None:
        one = self._open.get(_number(call.arguments[0]))
        if one is None:
            return
        if one.file is not None:
            one.file.sync()
            return
        here = [change for change in self._renamed if Path(change[0]).parent == Path(one.path)]
        _rename(self._durable, here)
        self._renamed = [change for change in self._renamed if change not in here]

    _on_fdatasync = _on_fsync

    def _on_rename(self, call: Call) -> None:
        old, new = _paths(call)
        if new.startswith(self.root):
            self._name(new, self.names[old])
            self._name(old, None)

    _on_renameat = _on_renameat2 = _on_rename

    def _on_unlink(self, call: Call) -> None:
        (path,) = _paths(call)
        if path in self.names:
            self._name(path, None)

    _on_unlinkat = _on_unlink

    def _on_mkdir(self, call: Call) -> None:
        (path,) = _paths(call)
        if path.startswith(self.root):
            self._folders.add(path)
            self._name(path, File(bytearray()))

    _on_mkdirat = _on_mkdir

    def _name(self, path: str, file: File | None) -> None:
        self._renamed.append((path, file))
        _rename(self.names, [(path, file)])

    # --- cutting --------------------------------------------------------------------------------------------------

    def now(self) -> dict[str, bytes]:
        """The files as a process sees them."""
        return {path: file.now() for path, file in self.names.items() if path not in self._folders}

    def cut(self, random: Random) -> dict[str, bytes]:
        """The files as a cut at this moment may leave them."""
        likely = random.choice((0.0, 0.1, 0.5, 0.9, 1.0))
        sector = random.choice(_SECTORS)
        names = dict(self._durable)
        _rename(names, self._renamed[: random.randint(0, len(self._renamed))])
        lost = self._folders - names.keys()
        there = {path: names[path] for path in names.keys() - self._folders if str(Path(path).parent) not in lost}
        left = {path: there[path].cut(lambda: random.random() < likely, sector) for path in sorted(there)}
        for path in [path for path in left if path.endswith("-wal")]:
            if random.random() < 0.5:
                left[path.removesuffix("-wal") + "-shm"] = random.randbytes(_SHM_BYTES)
        return left


def _rename(names: dict[str, File], changes: Iterable[tuple[str, File | None]]) -> None:
    for path, file in changes:
        if file is None:
            names.pop(path, None)
        else:
            names[path] = file


def _text(argument: str | bytes) -> str:
    assert isinstance(argument, bytes)
    return argument.decode()


def _number(argument: str | bytes) -> int:
    found = re.match(r"\d+", str(argument))
    return int(found[0]) if found else -1


def _paths(call: Call) -> list[str]:
    return [_text(argument) for argument in call.arguments if isinstance(argument, bytes)]
