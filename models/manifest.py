"""`manifest.json`: which file plays which role, what it must be, where it comes from. Nothing unverified is loaded."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

from models.errors import MALFORMED, ModelCorrupt, ModelMissing
from models.interpreter import Network, TensorType, installed_runtime
from models.preprocessing import Preprocessing, parse_preprocessing, require_keys
from models.projection import Projection, parse_projection

FOLDER = Path(__file__).parent
MANIFEST = FOLDER / "manifest.json"
LISTS = ("models", "projections", "liveness")
PARTS = ("chip", "trunk")
ALIGNED = (1, 112, 112, 3)
"""What `models.alignment` makes."""

Role: TypeAlias = Literal["detector", "embedding", "mesh"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the weights were converted from: package, version, file in it, that file's SHA-256."""

    package: str
    version: str
    file: str
    sha256: str


Part = TypeVar("Part", bound="Weights")


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """One file with a network, and what it must be."""

    file: str
    sha256: str
    bytes: int
    input: TensorType
    output: TensorType


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip(Weights):
    """A stem taught for chip photos; what it was taught with has rights of its own."""

    licence: str
    card: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry(Weights):
    """One network. ``runtimes`` are the interpreters for which this file is meant.

    An embedder may be in parts: its own file sees every face, ``chip`` beside it those of chip photos, and what either
    answers goes through ``trunk``.
    """

    role: str
    preprocessing: Preprocessing
    licence: str
    card: str
    origin: Origin
    runtimes: tuple[str, ...]
    chip: Chip | None = None
    trunk: Weights | None = None

    @property
    def ways(self) -> dict[str, str]:
        """SHA-256 of each way through the network: of the file that sees a picture, and the trunk if there is one."""
        seeing: dict[str, Weights | None] = {self.role: self, f"{self.role}_chip": self.chip}
        return {role: joined(part, self.trunk) for role, part in seeing.items() if part is not None}

    @property
    def identity(self) -> str:
        """SHA-256 of the whole network: its file's, or that of all its parts' together."""
        return joined(self, self.chip, self.trunk)


@dataclass(frozen=True, slots=True)
class ProjectionEntry:
    """What is learned on top of the embedder whose `Entry.identity` is ``embedding``."""

    file: str
    sha256: str
    embedding: str
    card: str


@dataclass(frozen=True, slots=True)
class LivenessEntry:
    """A passive liveness network and how it is asked.

    ``crops`` are the squares that it sees, stacked along the channels, in longer sides of the face's box. The network
    gives ``answer``, a number for each of its classes; ``live_class`` is the one that means live, ``threshold`` the
    least probability of it that is taken for live.
    """

    network: Entry
    crops: tuple[float, ...]
    answer: Literal["logits", "probabilities"]
    live_class: int
    threshold: float


@dataclass(frozen=True, slots=True)
class Manifest:
    """The parsed manifest; ``path`` is its file, ``sha256`` that of its content, weights are found beside it."""

    path: Path
    sha256: str
    entries: tuple[Entry, ...]
    projections: tuple[ProjectionEntry, ...] = ()
    liveness: tuple[LivenessEntry, ...] = ()

    @classmethod
    def load(cls, path: Path = MANIFEST) -> Manifest:
        """Read and check the manifest.

        Raises:
            ModelMissing: there is no such file.
            ModelCorrupt: it is not JSON, or it or an entry lacks a key, has one too many or one of another type.
        """
        content = read(path)
        try:
            document = json.loads(content)
        except MALFORMED as error:
            raise ModelCorrupt(path, "content", "JSON in UTF-8", error) from error
        try:
            lists = {name: document.pop(name, []) for name in LISTS}
            require_keys("a manifest", document, ())
            return cls(
                path,
                hashlib.sha256(content).hexdigest(),
                tuple(map(parse_entry, lists["models"])),
                tuple(ProjectionEntry(**texts(item)) for item in lists["projections"]),
                tuple(map(parse_liveness, lists["liveness"])),
            )
        except MALFORMED as error:
            raise ModelCorrupt(
                path, "an entry", "as models/README.md says", f"{type(error).__name__} {error}"
            ) from error

    def entry(self, role: Role) -> Entry:
        """The entry for ``role`` and the installed runtime.

        Raises:
            ModelCorrupt: the manifest has none.
        """
        runtime, _ = installed_runtime()
        for entry in self.entries:
            if entry.role == role and runtime in entry.runtimes:
                return entry
        known = ", ".join(f"{entry.role} for {'/'.join(entry.runtimes)}" for entry in self.entries)
        raise ModelCorrupt(self.path, "the list of models", f"one with role {role} for {runtime}", known or "empty")

    def liveness_entry(self) -> LivenessEntry:
        """The passive liveness network for the installed runtime.

        Raises:
            ModelCorrupt: the manifest has none.
        """
        runtime, _ = installed_runtime()
        for entry in self.liveness:
            if runtime in entry.network.runtimes:
                return entry
        found = f"{len(self.liveness)} for others"
        raise ModelCorrupt(self.path, "the list of liveness networks", f"one for {runtime}", found)

    @property
    def seeing(self) -> frozenset[str]:
        """SHA-256 of every way from a picture to an answer, for any runtime: `golden.json` has records of these."""
        entries = (*self.entries, *(item.network for item in self.liveness))
        return frozenset(way for entry in entries for way in entry.ways.values())

    def projection_for(self, embedding: Entry) -> ProjectionEntry | None:
        """What belongs to this embedder; None: its vectors are compared as they are."""
        return next((entry for entry in self.projections if entry.embedding == embedding.identity), None)

    def load_projection(self, entry: ProjectionEntry) -> Projection:
        """Verify and parse the file of ``entry``.

        Raises:
            ModelMissing: the file is not there.
            ModelCorrupt: its hash is not the manifest's, or it is no projection.
        """
        path = self.path.parent / entry.file
        content = read(path)
        require(path, "sha256", entry.sha256, hashlib.sha256(content).hexdigest())
        return parse_projection(content, path)

    def network(self, weights: Weights, num_threads: int) -> Network:
        """Verify the file of ``weights`` and load it.

        Raises:
            ModelMissing: the file is not there.
            ModelCorrupt: size, hash, shape or type is not the manifest's.
        """
        return self.opener(weights, num_threads)()

    def opener(self, weights: Weights, num_threads: int) -> Callable[[], Network]:
        """What verifies and loads the file of ``weights`` as often as it is called, with the errors of `network`."""
        path = self.path.parent / weights.file

        def opened() -> Network:
            with opened_file(path) as file:
                require(path, "size in bytes", weights.bytes, os.fstat(file.fileno()).st_size)
                require(path, "sha256", weights.sha256, hashlib.file_digest(file, "sha256").hexdigest())
                network = Network(file, num_threads)
            require(path, "input", weights.input, network.input_type)
            require(path, "output", weights.output, network.output_type)
            return network

        return opened


def joined(*parts: Weights | None) -> str:
    """One hash for several files; a single one's is its own."""
    hashes = [part.sha256 for part in parts if part is not None]
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()


def require(path: Path, what: str, expected: object, found: object) -> None:
    """Raise `ModelCorrupt` unless both are equal."""
    if expected != found:
        raise ModelCorrupt(path, what, expected, found)


def read(path: Path) -> bytes:
    """The file's bytes.

    Raises:
        ModelMissing: it cannot be read.
    """
    with opened_file(path) as file:
        return file.read()


@contextmanager
def opened_file(path: Path) -> Iterator[BufferedReader]:
    """The file, to be read.

    Raises:
        ModelMissing: it cannot be opened or read.
    """
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise ModelMissing(path, f"{error.strerror}; {ModelMissing.advice}") from error
    except ValueError as error:
        raise ModelMissing(path, f"{error}; {ModelMissing.advice}") from error


def parse_entry(item: Mapping[str, Any]) -> Entry:
    """One object of the manifest's list; KeyError, TypeError or ValueError say what is wrong with it."""
    fields = dict(item)
    chip, trunk = (fields.pop(name, None) for name in PARTS)
    entry = Entry(
        input=parse_tensor(fields.pop("input")),
        output=parse_tensor(fields.pop("output")),
        preprocessing=parse_preprocessing(fields.pop("preprocessing")),
        origin=Origin(**texts(fields.pop("origin"))),
        runtimes=tuple(text(name) for name in fields.pop("runtimes")),
        bytes=int(fields.pop("bytes")),
        chip=None if chip is None else parse_part(chip, Chip),
        trunk=None if trunk is None else parse_part(trunk, Weights),
        **texts(fields),
    )
    require_chain(entry)
    return entry


def parse_part(item: Mapping[str, Any], kind: type[Part]) -> Part:
    """Part of an entry; KeyError, TypeError or ValueError say what is wrong with it."""
    fields = dict(item)
    return kind(
        input=parse_tensor(fields.pop("input")),
        output=parse_tensor(fields.pop("output")),
        bytes=int(fields.pop("bytes")),
        **texts(fields),
    )


def require_chain(entry: Entry) -> None:
    """ValueError unless each part takes what the one before it gives, and an embedder takes an aligned face."""
    if entry.role != "embedding":
        if entry.chip is not None or entry.trunk is not None:
            raise ValueError(f"only an embedding has parts, not {entry.role!r}")
        return
    if entry.input.shape != ALIGNED:
        raise ValueError(f"an embedding takes an aligned face, {ALIGNED}, not {entry.input.shape}")
    if entry.chip is not None and (entry.chip.input, entry.chip.output) != (entry.input, entry.output):
        raise ValueError(f"chip takes {entry.chip.input} and gives {entry.chip.output}, unlike the file beside it")
    if entry.trunk is not None and entry.trunk.input != entry.output:
        raise ValueError(f"trunk takes {entry.trunk.input}, what comes before it gives {entry.output}")


def parse_liveness(item: Mapping[str, Any]) -> LivenessEntry:
    """One object of `liveness`: an entry of `models` without its role, and how the network is asked."""
    fields = dict(item)
    if "role" in fields:
        raise ValueError("an entry of liveness has no role")
    entry = LivenessEntry(
        crops=tuple(float(reach) for reach in fields.pop("crops")),
        answer=fields.pop("answer"),
        live_class=fields.pop("live_class"),
        threshold=float(fields.pop("threshold")),
        network=parse_entry({"role": "liveness", **fields}),
    )
    shape, classes = entry.network.input.shape, math.prod(entry.network.output.shape)
    if {entry.network.input.dtype, entry.network.output.dtype} != {"float32"}:
        raise ValueError("input and output are float32: a network of integers has its QUANTIZE and DEQUANTIZE inside")
    if not all(0.5 <= reach <= 10 for reach in entry.crops):
        raise ValueError(f"crops are 0.5 to 10 sides of the face, not {entry.crops}")
    if len(shape) != 4 or shape[1] != shape[2] or shape[3] != 3 * len(entry.crops):
        raise ValueError(
            f"the input for {len(entry.crops)} crops is (1, side, side, {3 * len(entry.crops)}), not {shape}"
        )
    if entry.answer not in ("logits", "probabilities"):
        raise ValueError(f"answer is logits or probabilities, not {entry.answer!r}")
    if entry.answer == "logits" and classes < 2:
        raise ValueError("the logit of a single class says nothing: its softmax is 1 for every face")
    if type(entry.live_class) is not int or not 0 <= entry.live_class < classes:
        raise ValueError(f"live_class is one of {classes} outputs, not {entry.live_class!r}")
    if not 0 < entry.threshold < 1:
        raise ValueError(f"threshold {entry.threshold} is not between 0 and 1")
    return entry


def parse_tensor(item: Mapping[str, Any]) -> TensorType:
    """`{"shape": [...], "dtype": "float32"}`; KeyError, TypeError or ValueError otherwise."""
    require_keys("a tensor", item, ("shape", "dtype"))
    return TensorType(tuple(int(size) for size in item["shape"]), text(item["dtype"]))


def texts(item: Mapping[str, Any]) -> dict[str, str]:
    """All values as they are, if they are texts; TypeError otherwise."""
    if not isinstance(item, Mapping):
        raise TypeError(f"expected an object, found {type(item).__name__}")
    return {key: text(value) for key, value in item.items()}


def text(value: object) -> str:
    """``value`` itself, if it is a text."""
    if not isinstance(value, str):
        raise TypeError(f"expected a text, found {value!r}")
    return value
