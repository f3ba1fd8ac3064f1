"""serving.alerting: messages that are given up, the file that tells of them, and trying them again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from features.errors import TenureError
from serving.alerting import outbox as boxes
from serving.alerting.dead import DEAD_FILE, append_dead
from serving.alerting.deliver import Delivered
from serving.store.store import Store

from .conftest import BAD, GONE, OK, Script, Time, queue, run


def test_after_the_last_attempt_it_is_a_dead_letter_once(box: Store, tmp_path: Path) -> None:
    (id_,) = queue(box, ("a", "opened", 0))
    script = Script(BAD)
    assert run(box, tmp_path, script, attempts=3) == Delivered(0, 1, 0, "answered 500")
    assert run(box, tmp_path, script, attempts=3) == Delivered(0, 0, 0)
    assert len(script.sent) == 3
    (line,) = (tmp_path / DEAD_FILE).read_text(encoding="utf-8").splitlines()
    told = json.loads(line)
    assert (told["id"], told["attempts"], told["last_error"]) == (id_, 3, "answered 500")
    assert told["body"] == json.loads(script.sent[0][0])
    assert (tmp_path / DEAD_FILE).stat().st_mode & 0o777 == 0o600


def test_no_end_is_told_of_what_was_never_told(box: Store, tmp_path: Path) -> None:
    opened, cleared = queue(box, ("a", "opened", 0), ("a", "cleared", 1))
    queue(box, ("a/2", "opened", 2))
    script = Script(GONE, OK)
    assert run(box, tmp_path, script) == Delivered(1, 2, 0, "answered 410")
    assert script.told() == ["a opened", "a/2 opened"]
    assert {letter.id: letter.attempts for letter in boxes.dead(box)} == {opened: 1, cleared: 0}
    with pytest.raises(TenureError, match="retry the opening"):
        boxes.retry(box, cleared[:10])
    assert boxes.retry(box, opened[:10]) == 2  # its end goes with it
    again = Script(OK)
    assert run(box, tmp_path, again).delivered == 2
    assert again.told() == ["a opened", "a cleared"]
    assert len((tmp_path / DEAD_FILE).read_text().splitlines()) == 2


def test_one_that_fails_again_after_a_retry_is_a_dead_letter_again(box: Store, tmp_path: Path) -> None:
    (id_,) = queue(box, ("a", "opened", 0))
    time = Time()
    for count in (1, 2):
        assert run(box, tmp_path, Script(GONE), time).dead == 1
        append_dead(tmp_path, boxes.dead(box))
        lines = (tmp_path / DEAD_FILE).read_text().splitlines()
        assert [json.loads(line)["id"] for line in lines] == [id_] * count
        assert boxes.retry(box) == 1
        time.sleep(1)
    with pytest.raises(TenureError, match="No message"):
        boxes.retry(box, "0000")


def test_after_a_retry_it_has_all_its_attempts_again(box: Store, tmp_path: Path) -> None:
    queue(box, ("a", "opened", 0))
    script = Script(BAD)
    run(box, tmp_path, script, attempts=3)
    boxes.retry(box)
    run(box, tmp_path, script, attempts=3)
    assert len(script.sent) == 6


def test_a_dead_letter_that_was_cut_off_is_written_again(box: Store, tmp_path: Path) -> None:
    queue(box, ("a", "opened", 0), ("b", "opened", 0))
    run(box, tmp_path, Script(GONE))
    file = tmp_path / DEAD_FILE
    whole = file.read_bytes()
    file.write_bytes(whole[:-20])
    run(box, tmp_path, Script(OK))
    lines = file.read_bytes().split(b"\n")
    assert len(lines) == 4  # one, half of the other, the other, and the end
    assert {lines[0], lines[2]} == set(whole.splitlines())
    file.unlink()
    run(box, tmp_path, Script(OK))
    assert file.read_bytes() == whole


def test_a_process_that_dies_before_the_file_is_written_is_made_up_for(
    box: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue(box, ("a", "opened", 0))

    def dies(*_: object) -> int:
        if boxes.dead(box):
            raise KeyboardInterrupt
        return 0

    with monkeypatch.context() as broken:
        broken.setattr("serving.alerting.deliver.append_dead", dies)
        with pytest.raises(KeyboardInterrupt):
            run(box, tmp_path, Script(GONE))
    assert not (tmp_path / DEAD_FILE).exists()
    script = Script(OK)
    run(box, tmp_path, script)
    assert not script.sent
    assert len((tmp_path / DEAD_FILE).read_text().splitlines()) == 1
