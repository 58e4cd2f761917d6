"""The mirror: only while a face is compared, only for this page, kept nowhere."""

from __future__ import annotations

import http.client
import json
import re

import cv2
import numpy as np
import pytest

from daemon.preview import WIDTH, Preview, only_while
from daemon.state import State
from tests.daemon.kiosk.support import Bench, Glass, picture, states


def look(bench: Bench, body: bytes = b"{}", token: str | None = None) -> tuple[int, dict[str, str], bytes]:
    found = re.fullmatch(r"http://(.+):(\d+)/", bench.server.url)
    assert found is not None
    connection = http.client.HTTPConnection(found[1], int(found[2]), timeout=20)
    try:
        if token is None:
            connection.request("GET", "/")
            page = connection.getresponse().read().decode()
            token = json.loads(re.findall(r'"token": ("[^"]+")', page)[0])
        connection.request("POST", "/mirror", body, {"X-Vernix-Token": token})
        answer = connection.getresponse()
        return answer.status, dict(answer.headers), answer.read()
    finally:
        connection.close()


def test_only_while_a_face_is_compared(bench: Bench) -> None:
    for state in (State(bench.policy), *states(bench.policy).values()):
        bench.show(state)
        status, headers, content = look(bench)
        if state.step.value == "face":
            assert (status, content) == (200, picture())
            assert (headers["content-type"], headers["cache-control"]) == ("image/jpeg", "no-store")
        else:
            assert (status, json.loads(content)["cause"]) == (409, "no_face_is_compared"), state.step


@pytest.mark.parametrize("token", ["", "x" * 32])
def test_only_for_the_page(token: str, bench: Bench) -> None:
    bench.show(states(bench.policy)["face"])
    assert look(bench, token=token)[0] == 403


@pytest.mark.parametrize("body", [b"{", b'{"after": "x"}', b'{"after": true}', b'{"after": 1.5}'])
def test_bad_numbers_are_refused(body: bytes, bench: Bench) -> None:
    bench.show(states(bench.policy)["face"])
    assert look(bench, body)[0] == 400


def test_the_picture_leaves_the_page_with_the_step(bench: Bench, glass: Glass) -> None:
    bench.show(states(bench.policy)["face"])
    glass.page.wait_for_selector("#mirror[data-live=yes]")
    bench.show(states(bench.policy)["decision"])
    glass.step("decision")
    assert glass.page.locator("canvas").count() == 0
    bench.frames = 0
    glass.page.wait_for_timeout(300)
    assert bench.frames == 0, "and no more is asked for"


def frame() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    image = np.zeros((480, 640, 3), np.uint8)
    image[:, :100] = 255
    return image


def test_preview_is_small_and_mirrored() -> None:
    preview = Preview()
    preview.put(7, frame())
    found = preview.newer(-1, 0)
    assert found is not None
    assert found[0] == 7
    shown = cv2.imdecode(np.frombuffer(found[1], np.uint8), cv2.IMREAD_GRAYSCALE)
    assert shown is not None
    assert shown.shape == (240, WIDTH)
    assert shown[:, -40:].min() > 200, "her left is on the left, as in a mirror"
    assert shown[:, :200].max() < 50


def test_the_face_that_is_taken_is_marked_until_it_is_not() -> None:
    """Mirrored too: a box on the right of the frame is on her left."""
    preview = Preview()
    preview.put(1, frame() * 0)
    preview.mark((400.0, 100.0, 200.0, 240.0))
    shown = lines_of(preview)
    assert (shown[:, 15:25].max(), shown[:, 115:125].max()) == (255, 255)
    assert shown[60:160, 30:110].max() < 50
    assert shown[:, 140:].max() < 50
    preview.mark(None)
    assert lines_of(preview).max() < 50
    preview.mark((400.0, 100.0, 200.0, 240.0))
    preview.drop()
    preview.put(2, frame() * 0)
    assert lines_of(preview).max() < 50, "nobody's box outlives the look"


def lines_of(preview: Preview) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    found = preview.newer(-1, 0)
    assert found is not None
    shown = cv2.imdecode(np.frombuffer(found[1], np.uint8), cv2.IMREAD_GRAYSCALE)
    assert shown is not None
    return (shown > 200).astype(np.uint8) * 255


def test_preview_never_shows_the_same_or_a_dropped_frame() -> None:
    preview = Preview()
    assert preview.newer(-1, 0) is None
    preview.put(1, frame())
    assert preview.newer(1, 0.01) is None
    preview.drop()
    assert preview.newer(-1, 0.01) is None


def test_only_while_it_may_be_shown() -> None:
    """Also where the step ends while somebody waits for a frame."""
    preview = Preview()
    preview.put(1, frame())
    assert only_while(preview, lambda: False)(-1, 0) is None
    answers = iter([True, False])
    assert only_while(preview, lambda: next(answers))(-1, 0) is None
    found = only_while(preview, lambda: True)(-1, 0)
    assert found is not None
    assert found[0] == 1
