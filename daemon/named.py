"""What the configuration names and can be looked at without a device: the policy pack and the photo decoder."""

from __future__ import annotations

from daemon.config import Config
from daemon.policy import Policy, load_policy, shipped_names
from evidence.tree import TreeError
from hw.card_reader.finger_matcher import BadMatcherSpec, IdCardFingerMatcher, MatcherLibraryMissing, finger_matcher
from hw.card_reader.photo import BadPhotoSpec, PhotoDecoder, PhotoLibraryMissing, photo_decoder


def policy_of(config: Config) -> Policy:
    """The unit's pack, which has its checkpoint.

    Raises:
        TreeError: ``unit.policy`` names no sound pack, or ``unit.checkpoint`` none of its checkpoints.
    """
    name = config.unit.policy
    if not name.endswith(".toml") and name not in shipped_names():
        known = ", ".join(shipped_names())
        raise TreeError("unit.policy", f"no pack {name!r}; known: {known}, or the path of your own, ending in .toml")
    try:
        policy = load_policy(name)
    except TreeError as error:
        raise TreeError("unit.policy", f"pack {name}: {error}", error.advice) from error
    known = ", ".join(one.id for one in policy.checkpoints)
    if config.unit.checkpoint not in known.split(", "):
        raise TreeError("unit.checkpoint", f"{config.unit.checkpoint!r} is not in policy {policy.id}; known: {known}")
    return policy


def matcher_of(config: Config) -> IdCardFingerMatcher | None:
    """What compares the fingerprints on ID cards; None: nothing does.

    Raises:
        TreeError: ``devices.finger_matcher`` cannot be understood.
        MatcherLibraryMissing: the library that it names is not there.
    """
    try:
        return finger_matcher(config.devices.finger_matcher)
    except BadMatcherSpec as error:
        raise TreeError("devices.finger_matcher", str(error)) from error
    except MatcherLibraryMissing as error:
        raise MatcherLibraryMissing("devices.finger_matcher", str(error)) from error


def decoder_of(config: Config) -> PhotoDecoder:
    """The photo decoder.

    Raises:
        TreeError: ``devices.photo_decoder`` cannot be understood.
        PhotoLibraryMissing: the library that it names is not there.
    """
    try:
        return photo_decoder(config.devices.photo_decoder)
    except BadPhotoSpec as error:
        raise TreeError("devices.photo_decoder", str(error)) from error
    except PhotoLibraryMissing as error:
        raise PhotoLibraryMissing("devices.photo_decoder", str(error)) from error
