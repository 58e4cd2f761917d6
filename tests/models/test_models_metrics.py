"""Error rates against numbers worked out by hand or by brute force."""

from __future__ import annotations

import numpy as np
import pytest

from models.evaluate.metrics import (
    Genuine,
    Replicates,
    accuracy,
    bounds,
    equal_error_rate,
    exact,
    extrapolated_threshold,
    impostors,
    of_people,
)


def sphere(pictures: int, seed: int = 3) -> np.ndarray:
    points = np.random.default_rng(seed).normal(size=(pictures, 16))
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)


PEOPLE = np.repeat(np.arange(30), 4)


@pytest.mark.parametrize("symmetric", [True, False])
def test_every_pair_of_different_people_is_an_impostor_comparison_once(symmetric: bool) -> None:
    references, live = sphere(120), sphere(120) if symmetric else sphere(120, seed=4)
    found = impostors(references, live, PEOPLE, symmetric=symmetric, max_fmr=1.0)
    expected = [
        float(references[a] @ live[b])
        for a in range(120)
        for b in range(120)
        if PEOPLE[a] != PEOPLE[b] and (a < b or not symmetric)
    ]
    assert len(found.scores) == len(expected) == (120 * 116 // 2 if symmetric else 120 * 116)
    assert found.scores == pytest.approx(sorted(expected, reverse=True), abs=1e-6)


def test_the_tail_knows_its_people() -> None:
    vectors = sphere(120)
    found = impostors(vectors, vectors, PEOPLE, symmetric=True, max_fmr=0.01)
    best = max(
        (float(vectors[a] @ vectors[b]), PEOPLE[a], PEOPLE[b])
        for a in range(120)
        for b in range(a)
        if PEOPLE[a] != PEOPLE[b]
    )
    assert {found.first[0], found.second[0]} == {best[1], best[2]}
    assert found.scores[0] == pytest.approx(best[0], abs=1e-6)
    assert len(found.first) < len(found.scores) / 10


def test_pictures_without_a_template_take_no_part() -> None:
    references = sphere(120)
    references[:4] = np.nan
    found = impostors(references, sphere(120), PEOPLE, symmetric=False, max_fmr=1.0)
    assert len(found.scores) == 116 * 116 - 0
    assert np.all(np.isfinite(found.scores))
    assert 0 not in found.first


@pytest.mark.parametrize("fmr", [0.5, 0.1, 0.01, 0.001])
def test_the_threshold_is_the_lowest_that_keeps_the_rate(fmr: float) -> None:
    found = impostors(sphere(120), sphere(120), PEOPLE, symmetric=True, max_fmr=1.0)
    threshold = found.threshold(fmr)
    assert found.fmr(threshold) <= fmr
    assert found.fmr(float(np.nextafter(np.float32(threshold), np.float32(-1)))) > fmr


def test_a_score_at_the_threshold_is_a_match() -> None:
    genuine = Genuine(np.array([0.25, 0.5, 0.75], np.float32), np.arange(3))
    assert genuine.fnmr(0.5) == pytest.approx(1 / 3)
    found = impostors(sphere(120), sphere(120), PEOPLE, symmetric=True, max_fmr=1.0)
    assert found.fmr(float(found.scores[9])) == pytest.approx(10 / len(found.scores))


def test_a_replicate_of_everybody_once_is_the_sample_itself() -> None:
    found = impostors(sphere(120), sphere(120, seed=4), PEOPLE, symmetric=False, max_fmr=0.1)
    genuine = Genuine(np.linspace(0, 1, 60, dtype=np.float32), np.repeat(np.arange(30), 2))
    once = Replicates(np.ones((1, 30)))
    assert once.thresholds(found, 0.1)[0] == pytest.approx(found.threshold(0.1))
    assert once.fmrs(found, 0.8)[0] == pytest.approx(found.fmr(0.8))
    assert once.fnmrs(genuine, 0.3)[0] == pytest.approx(genuine.fnmr(0.3))


@pytest.mark.parametrize("symmetric", [True, False])
def test_a_replicate_counts_like_copies_of_its_people(symmetric: bool) -> None:
    """Drawn twice, a person's comparisons count twice; with himself he is never an impostor."""
    vectors = sphere(120), sphere(120) if symmetric else sphere(120, seed=4)
    found = impostors(*vectors, PEOPLE, symmetric=symmetric, max_fmr=1.0)
    draw = np.random.default_rng(0).multinomial(30, np.full(30, 1 / 30)).astype(np.float64)
    threshold = 0.4
    matches = total = 0.0
    for a in range(120):
        for b in range(120):
            if PEOPLE[a] != PEOPLE[b] and (a < b or not symmetric):
                weight = draw[PEOPLE[a]] * draw[PEOPLE[b]]
                total += weight
                matches += weight * float(vectors[0][a] @ vectors[1][b] >= np.float32(threshold))
    assert Replicates(draw[np.newaxis]).fmrs(found, threshold)[0] == pytest.approx(matches / total)


def test_bounds_contain_the_truth_and_shrink_with_people() -> None:
    widths = []
    for people in (20, 200):
        random = np.random.default_rng(1)
        genuine = Genuine(random.random(people * 4).astype(np.float32), np.repeat(np.arange(people), 4))
        low, high = bounds(Replicates.over(people).fnmrs(genuine, 0.3))
        assert low < 0.3 < high
        widths.append(high - low)
    assert widths[1] < widths[0] / 2


def test_pictures_of_few_people_give_wide_bounds() -> None:
    """Ten people, of whom one never matches: drawing comparisons instead of people would hide how little that is."""
    genuine = Genuine(np.repeat(np.array([0.1] + [0.9] * 9, np.float32), 100), np.repeat(np.arange(10), 100))
    low, high = bounds(Replicates.over(10).fnmrs(genuine, 0.5))
    assert low == 0
    assert high >= 0.3


def test_bounds_of_more_errors_are_never_lower() -> None:
    """None of twenty people errs, then one, then two: what was not excluded before is not excluded by an error more."""
    people = 20
    found = []
    for erring in range(people + 1):
        scores = np.repeat(np.arange(people) >= erring, 5).astype(np.float32)
        genuine = Genuine(scores, np.repeat(np.arange(people), 5))
        found.append(of_people(erring / people, Replicates.over(people).fnmrs(genuine, 0.5), people))
    assert [one.high for one in found] == sorted(one.high for one in found)
    assert [one.low for one in found] == sorted(one.low for one in found)
    assert (found[0].low, found[0].high) == exact(all_wrong=False, independent=people)
    assert (found[-1].low, found[-1].high) == exact(all_wrong=True, independent=people)


def test_equal_error_rate() -> None:
    found = impostors(sphere(120), sphere(120), PEOPLE, symmetric=True, max_fmr=1.0)
    genuine = Genuine(found.scores[::50].copy(), np.zeros(len(found.scores[::50]), np.intp))
    rate, threshold = equal_error_rate(genuine, found)
    assert rate == pytest.approx(0.5, abs=0.02)
    assert found.fmr(threshold) == pytest.approx(0.5, abs=0.02)


def test_accuracy_of_separable_and_of_useless_scores() -> None:
    same = np.arange(200) % 2 == 0
    assert accuracy(np.where(same, 0.8, 0.2).astype(np.float32), same) == 1.0
    assert accuracy(np.random.default_rng(0).random(200).astype(np.float32), same) < 0.65


def test_an_exponential_tail_is_extrapolated() -> None:
    scores = -np.sort(-np.random.default_rng(0).exponential(0.1, 1_000_000).astype(np.float32))
    assert extrapolated_threshold(scores, 1e-7) == pytest.approx(0.1 * np.log(1e7), rel=0.05)


def test_who_was_not_acquired_is_no_pair_of_people() -> None:
    references, live = sphere(120), sphere(120, seed=4)
    references[:100] = np.nan
    live[8:] = np.nan
    found = impostors(references, live, PEOPLE, symmetric=False, max_fmr=0.1)
    assert found.pairs() == 2 * 5, "five have references, two others live pictures"
    live[:] = references
    found = impostors(references, live, PEOPLE, symmetric=True, max_fmr=0.1)
    assert found.pairs() == 5 * 4 // 2


def test_an_fmr_far_above_those_asked_for_has_bounds() -> None:
    vectors = sphere(120)
    found = impostors(vectors, vectors, PEOPLE, symmetric=True, max_fmr=0.01, threshold=0.0)
    replicates = Replicates.over(30)
    low, high = bounds(replicates.fmrs(found, 0.0))
    assert low < found.fmr(0.0) < high


def test_pairs_of_one_kind_have_no_accuracy() -> None:
    scores = np.array([0.2, 0.9], np.float32)
    assert np.isnan(accuracy(scores, np.array([True, True])))
    assert np.isnan(accuracy(scores, np.array([False, False])))
    assert accuracy(scores, np.array([False, True])) == 1.0
