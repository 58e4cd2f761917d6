"""What can go wrong with a model or a picture, sorted by what the reader of the message can do about it."""

from __future__ import annotations

from pathlib import Path

MALFORMED = (AttributeError, KeyError, OverflowError, RecursionError, TypeError, ValueError)
"""What reading JSON raises that is none, nests without end, or is not of the expected form."""


class ModelsError(Exception):
    """Root of every error of this package.

    Attributes:
        advice: what the person at the unit can do.
    """

    advice = "see models/README.md"


class ModelFileError(ModelsError):
    """One file of the models cannot be used.

    Attributes:
        file: the file, so that the message names what to replace.
    """

    advice = "install the vernix package again; the weights come with it"

    def __init__(self, file: Path, message: str) -> None:
        super().__init__(f"{file}: {message}")
        self.file = file


class ModelMissing(ModelFileError):
    """The file is not there, or cannot be opened."""


class ModelCorrupt(ModelFileError):
    """The file is not the one that the manifest describes.

    Attributes:
        expected: what the manifest says (a hash, a shape, a type).
        found: what the file is.
    """

    def __init__(self, file: Path, what: str, expected: object, found: object) -> None:
        super().__init__(file, f"{what} is {found}, expected {expected}; {self.advice}")
        self.expected = expected
        self.found = found


class OwnNetworkUnusable(ModelsError):
    """The hospital's own passive network cannot be used: it is damaged, or nobody has accepted what it answers here."""

    advice = "put it right, or if it is the network that is meant, stop the unit: vernix selftest --accept-liveness"

    def __init__(self, manifest: Path, reason: ModelsError) -> None:
        why = str(reason).removesuffix(f"; {reason.advice}")
        super().__init__(f"{manifest}, the passive network of [models] liveness: {why}; {self.advice}")


class NetworkFailed(ModelsError):
    """The runtime gave up on a network: there is no answer for this picture."""

    advice = "start again; if it stays so, the runtime is not that of constraints.txt, or memory is short"


class RuntimeMissing(ModelsError):
    """No TFLite interpreter is installed."""

    advice = "install ai-edge-litert, or tflite-runtime 2.14 (extra 'tflite', Python 3.11)"


class TemplateMismatch(ModelsError):
    """Two templates of different embedding models: their vectors cannot be compared. Embed both pictures again."""

    advice = "compute both templates with the same model"


class ImageError(ModelsError):
    """The array is not a picture that this package takes, or the face in it cannot be used."""

    advice = "pass a BGR picture: uint8, shape (height, width, 3)"


class ModelWrong(ModelsError):
    """This runtime on this processor does not compute what was measured: nobody may be decided about with it.

    Attributes:
        role: the network, and which part of its output.
        least: how near that has to come to the recorded one (`models.golden.agreement`).
        found: how near it came; NaN when nothing was recorded.
    """

    advice = "use the runtime of constraints.txt, or record and measure this one: see models/README.md"

    def __init__(self, role: str, where: str, least: float, found: float) -> None:
        super().__init__(
            f"{role}: {where} computes something else: agreement {found:.5f} with the golden vector, "
            f"at least {least:.5f} expected; {self.advice}"
        )
        self.role = role
        self.least = least
        self.found = found
