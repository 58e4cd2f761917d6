"""Topics: whose, which, and nothing that a broker takes for a wildcard."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.errors import MalformedError
from evidence.topics import DOWN, UP, Address, Channel, check_name, every_unit, parse

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True)
BAD_NAMES = ["", "+", "#", "a/b", "a+", ".a", "-a", "_a", "a b", "a\n", "a\0", "é", "单元", "a" * 65, "$SYS"]


@given(NAMES, NAMES, st.sampled_from(Channel))
def test_a_topic_comes_back(site: str, unit: str, channel: Channel) -> None:
    topic = Address(site, unit).topic(channel)
    assert topic == f"vernix/v1/{site}/{unit}/{channel.value}"
    assert parse(topic) == (Address(site, unit), channel)


@pytest.mark.parametrize("name", BAD_NAMES)
def test_names_that_mean_something_to_a_broker_or_a_file_system_are_refused(name: str) -> None:
    for attempt in (lambda: check_name("unit", name), lambda: Address(name, "u1"), lambda: Address("s1", name)):
        with pytest.raises(MalformedError, match="1 to 64"):
            attempt()
    with pytest.raises(MalformedError):
        every_unit(name, Channel.RECORD)
    with pytest.raises(MalformedError):
        parse(f"vernix/v1/s1/{name}/record")


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "/",
        "vernix/v1/s1/u1",
        "vernix/v2/s1/u1/record",
        "vernix/v1/s1/u1/record/",
        "/vernix/v1/s1/u1/record",
        "Vernix/v1/s1/u1/record",
        "vernix/v1/s1/u1/RECORD",
        "vernix/v1/s1/u1/erase",
        "vernix/v1/s1/+/record",
        "vernix/v1/#",
    ],
)
def test_other_topics_are_refused(topic: str) -> None:
    with pytest.raises(MalformedError):
        parse(topic)


@given(
    st.text(max_size=80)
    | st.lists(st.sampled_from(["vernix", "v1", "s1", "+", "record", ""]), max_size=7).map("/".join)
)
def test_any_text_is_one_of_ours_or_malformed(topic: str) -> None:
    try:
        address, channel = parse(topic)
    except MalformedError:
        return
    assert address.topic(channel) == topic


def test_every_channel_has_one_direction() -> None:
    assert sorted(UP + DOWN) == sorted(Channel)
    assert every_unit("s1", Channel.ALERT) == "vernix/v1/s1/+/alert"
