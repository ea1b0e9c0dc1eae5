"""What planners ask, and the picture they get."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from sluicegate.simulation.baseline import lower_bound, traditional
from sluicegate.simulation.picture import svg, write_picture
from sluicegate.simulation.plan import (
    Question,
    UnusableTimes,
    alternatives,
    drawn_times,
    foresee,
    measured_times,
)
from sluicegate.simulation.report import (
    WAITS,
    asset_times,
    compared,
    host_uses,
    lines,
    span,
    wait_shares,
)

QUESTION = Question(drawn_times(3, 12, 2.0, 1.0, 1), hosts=2, sessions_max=4, method="continuous")
COMMAND = Path(sys.executable).parent / "sluicegate"


@pytest.fixture(scope="module")
def forecast():
    return foresee(QUESTION)


def test_waves_of_fixed_sessions_wait_for_their_last():
    assert traditional([1, 1, 5, 1], streams=1, slices_per_session=2) == 2 + 6
    assert traditional([1, 1, 5, 1], streams=2, slices_per_session=2, start_seconds=1) == 7


def test_nothing_is_faster_than_all_streams_or_the_longest_slice():
    assert lower_bound([1, 1, 1, 1], 2) == 2
    assert lower_bound([9, 1, 1, 1], 2) == 9
    assert lower_bound([], 2) == 0


def test_a_question_is_answered_the_same_each_time(forecast):
    assert foresee(QUESTION) == forecast
    assert forecast.bound_seconds <= forecast.total_seconds < 3 * forecast.bound_seconds
    assert 0 < forecast.use <= 1


def test_all_time_of_a_host_is_told_of(forecast):
    for use in host_uses(forecast):
        assert sum((use.working, use.starting, use.between, use.empty)) == pytest.approx(1, abs=0.1)
    assert [(each.asset_id, each.slices) for each in asset_times(forecast)] == [
        ("asset-1", 12), ("asset-2", 12), ("asset-3", 12)
    ]  # fmt: skip


def test_the_report_says_how_long_how_full_and_who_waited(forecast):
    text = "\n".join(lines(forecast))
    assert "3 assets, 36 slices" in text
    assert span(forecast.total_seconds) in text
    assert "asset-3" in text and "host-2" in text


@pytest.mark.parametrize(("streams", "reason"), [(0, "no_place"), (1, "streams")])
def test_what_slices_wait_for_is_told(streams, reason):
    forecast = foresee(replace(QUESTION, streams=streams))
    shares = wait_shares(forecast)
    assert max(shares, key=shares.get) == reason and sum(shares.values()) == pytest.approx(1)
    assert WAITS[reason] in "\n".join(lines(forecast))
    mean = sum(forecast.drawing.waits.values()) / sum(map(len, QUESTION.seconds))
    assert 0 < mean < forecast.total_seconds


def test_other_hosts_and_methods_are_compared(forecast):
    others = [foresee(other) for other in alternatives(QUESTION)]
    assert others[0].question.hosts == 4
    assert {other.question.method for other in others} >= {"traditional", "batch", "per_slice"}
    assert len(list(compared([forecast, *others]))) == len(others) + 2


def test_the_picture_has_a_row_a_stream_and_a_bar_a_slice(forecast):
    root = ElementTree.fromstring(svg(forecast))
    rectangles = [element for element in root.iter() if element.tag.endswith("rect")]
    bars = [bar for bar in rectangles if any(child.tag.endswith("title") for child in bar)]
    rows = [row for row in rectangles if row.get("class") == "r"]
    assert len(rows) == QUESTION.places
    bodies = [bar for bar in bars if bar.get("fill") != "#333"]
    assert len(bodies) == sum(map(len, QUESTION.seconds))


@pytest.mark.parametrize("name", ["picture.svg", "picture.html"])
def test_the_picture_is_one_file_that_needs_no_other(forecast, tmp_path, name):
    write_picture(forecast, tmp_path / name)
    text = (tmp_path / name).read_text()
    assert "<svg" in text and "host-2" in text
    assert not any(word in text for word in ("src=", "href=", "@import", "<script"))


def test_measured_times_are_taken_from_a_file(tmp_path):
    path = tmp_path / "times.json"
    path.write_text("[1, 2.5, 3]")
    assert measured_times(path) == ((1.0, 2.5, 3.0),)
    path.write_text("[[1, 2], [3]]")
    assert measured_times(path) == ((1.0, 2.0), (3.0,))


@pytest.mark.parametrize("text", ["", "{}", "7", "[]", '["a"]', "[[1], 2]", "[-1]"])
def test_a_file_of_other_things_is_refused_in_one_line(tmp_path, text):
    path = tmp_path / "times.json"
    path.write_text(text)
    with pytest.raises(UnusableTimes, match=r"times\.json") as caught:
        measured_times(path)
    assert "\n" not in str(caught.value)


def test_one_stream_an_asset_is_no_more_than_one():
    forecast = foresee(replace(QUESTION, streams=1))
    assert forecast.question.usable == 3
    assert forecast.total_seconds >= max(map(sum, QUESTION.seconds))


def command(*words):
    return subprocess.run([COMMAND, "simulate", *words], capture_output=True, text=True)


def test_the_command_hedges_and_takes_a_policy():
    words = ("--mean", "1", "--assets", "2", "--slices", "6", "--json")
    done = command(*words, "--hedge", "--queue-policy", "least-remaining")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["wait_shares"]


def test_the_command_answers_compares_and_draws(tmp_path):
    times, picture = tmp_path / "times.json", tmp_path / "picture.svg"
    times.write_text(json.dumps([[1.0] * 6, [2.0] * 4]))
    words = ("--times", times, "--places", "2", "--compare", "--picture", picture)
    done = command(*words)
    assert done.returncode == 0, done.stderr
    assert "traditional" in done.stdout and "asset-2" in done.stdout
    ElementTree.fromstring(picture.read_text())
    [*_, last] = command(*words, "--json").stdout.splitlines()
    assert json.loads(last)["slices"] == 10


@pytest.mark.parametrize("words", [(), ("--mean", "1", "--times", "f"), ("--times", "/nowhere")])
def test_the_command_says_in_one_line_what_it_needs(words):
    done = command(*words)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
