"""serving.alerting.deliver: attempts, their order and the waits between them, with a clock that the tests move."""

from __future__ import annotations

import datetime as dt
import json
import logging
from pathlib import Path

import pytest
import sqlalchemy as sa

from serving.alerting import outbox as boxes
from serving.alerting.deliver import PATIENCE, Delivered, delay
from serving.alerting.sending import Answer
from serving.alerting.signing import signature
from serving.store.errors import StoreError
from serving.store.store import Store
from serving.store.tables import outbox

from .conftest import BAD, GONE, OK, SECRET, START, Script, Time, queue, run


def test_what_arrives_is_sent_once(box: Store, tmp_path: Path) -> None:
    (id_,) = queue(box, ("a", "opened", 0))
    script = Script(OK)
    assert run(box, tmp_path, script) == Delivered(1, 0, 0)
    assert run(box, tmp_path, script) == Delivered(0, 0, 0)
    ((body, headers),) = script.sent
    assert json.loads(body)["id"] == headers["Tenure-Id"] == id_
    assert headers["Tenure-Timestamp"] == str(int(START.timestamp()))
    assert headers["Tenure-Signature"] == signature(SECRET, headers["Tenure-Timestamp"], body)


def test_a_retry_has_the_same_id_and_the_same_bytes(box: Store, tmp_path: Path) -> None:
    queue(box, ("Zoë", "opened", 0))
    time, script = Time(), Script(BAD, Answer(None, "did not answer within 5 s"), Answer(429), OK)
    assert run(box, tmp_path, script, time) == Delivered(1, 0, 0, "answered 429")
    assert len({body for body, _ in script.sent}) == len({headers["Tenure-Id"] for _, headers in script.sent}) == 1
    stamps = [int(headers["Tenure-Timestamp"]) for _, headers in script.sent]
    assert stamps == sorted(set(stamps))  # each attempt is signed anew
    (id_,) = {headers["Tenure-Id"] for _, headers in script.sent}
    assert time.slept == pytest.approx([delay(id_, 1), delay(id_, 2), delay(id_, 3)], abs=1e-3)


def test_waits_grow_fourfold_and_differ_between_messages() -> None:
    for attempt in range(1, 8):
        waits = [delay(f"m{n}", attempt) for n in range(200)]
        base = 4.0 ** (attempt - 1)
        assert 0.5 * base <= min(waits) < 0.6 * base < 1.4 * base < max(waits) < 1.5 * base
    assert delay("m", 40) <= 1.5 * 6 * 3600


def test_a_run_waits_a_minute_and_leaves_the_rest_to_later_ones(box: Store, tmp_path: Path) -> None:
    queue(box, ("a", "opened", 0))
    time, script = Time(), Script(BAD)
    first = run(box, tmp_path, script, time)
    assert first == Delivered(0, 0, 1, "answered 500")
    assert sum(time.slept) <= PATIENCE
    assert 3 <= len(script.sent) < 8
    time.sleep(24 * 3600)
    script.answers = [OK]
    assert run(box, tmp_path, script, time).delivered == 1


@pytest.mark.parametrize("status", [400, 401, 404, 410, 422])
def test_who_refuses_for_good_is_not_asked_again(box: Store, tmp_path: Path, status: int) -> None:
    queue(box, ("a", "opened", 0))
    script = Script(Answer(status))
    assert run(box, tmp_path, script) == Delivered(0, 1, 0, f"answered {status}")
    assert len(script.sent) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 408, 429, 500, 503])
def test_who_may_take_it_later_is_asked_again(box: Store, tmp_path: Path, status: int) -> None:
    queue(box, ("a", "opened", 0))
    assert run(box, tmp_path, Script(Answer(status), OK)).delivered == 1


def test_a_receiver_may_ask_for_time(box: Store, tmp_path: Path) -> None:
    queue(box, ("a", "opened", 0))
    time = Time()
    assert run(box, tmp_path, Script(Answer(429, wait=600.0), OK), time).waiting == 1
    time.sleep(500)
    assert run(box, tmp_path, Script(OK), time).delivered == 0
    time.sleep(60)
    assert run(box, tmp_path, Script(OK), time).delivered == 1


def test_a_receiver_cannot_hurry_the_waits(box: Store, tmp_path: Path) -> None:
    (id_,) = queue(box, ("a", "opened", 0))
    time = Time()
    run(box, tmp_path, Script(Answer(429, wait=0.001), OK), time)
    assert time.slept == pytest.approx([delay(id_, 1)], abs=1e-3)


def test_an_account_is_told_of_in_order_and_holds_up_no_other(box: Store, tmp_path: Path) -> None:
    queue(box, ("a", "opened", 0), ("b", "opened", 1), ("a", "cleared", 2), ("a/2", "opened", 3))
    script = Script(BAD, OK)
    assert run(box, tmp_path, script).delivered == 4
    assert script.told() == ["a opened", "b opened", "a opened", "a cleared", "a/2 opened"]


def test_on_one_day_what_ends_comes_before_what_begins(box: Store, tmp_path: Path) -> None:
    for n in range(8):
        queue(box, (f"a{n}", "opened", 0), (f"a{n}/2", "opened", 1), (f"a{n}", "cleared", 1))
    script = Script(OK)
    assert run(box, tmp_path, script).delivered == 24
    for n in range(8):
        assert [one for one in script.told() if one.startswith(f"a{n}")] == [
            f"a{n} opened", f"a{n} cleared", f"a{n}/2 opened",
        ]  # fmt: skip


def test_a_receiver_that_is_down_costs_few_attempts(box: Store, tmp_path: Path) -> None:
    queue(box, *((f"a{n}", "opened", n) for n in range(30)))
    script = Script(Answer(None, "refused the connection"))
    assert run(box, tmp_path, script, attempts=8).waiting == 30
    assert len(script.sent) < 15
    with box.reading() as connection:
        assert connection.scalar(sa.select(sa.func.max(outbox.c.attempts))) <= 2
    script.answers = [OK]
    assert run(box, tmp_path, script).delivered == 30


def test_a_receiver_that_is_back_is_not_left_alone_for_one_failure(box: Store, tmp_path: Path) -> None:
    queue(box, *((f"a{n}", "opened", n) for n in range(12)))
    time, moments, answers = Time(), list[dt.datetime](), iter([BAD, BAD, BAD, OK, BAD, *[OK] * 11])

    def answer(_: str) -> Answer:
        moments.append(time.moment)
        return next(answers)

    assert run(box, tmp_path, Script(answer), time).delivered == 12
    assert moments[0] == moments[2] < moments[3]  # three in a row are a reason
    assert moments[3] == moments[4] == moments[5]


def test_messages_that_never_arrive_hold_up_no_others(box: Store, tmp_path: Path) -> None:
    queue(box, *((f"a{n}", "opened", n) for n in range(30)))
    script = Script(lambda account: BAD if account in ("a0", "a1", "a2", "a3") else OK)
    done = run(box, tmp_path, script)
    assert (done.delivered, done.waiting) == (26, 4)


def test_what_another_process_has_delivered_stays_delivered(box: Store, tmp_path: Path) -> None:
    (id_,) = queue(box, ("a", "opened", 0))

    def meanwhile(_: str) -> Answer:
        boxes.delivered(box, id_, START)
        return GONE

    run(box, tmp_path, Script(meanwhile))
    assert not boxes.dead(box)
    assert not boxes.waiting(box)
    queue(box, ("a", "cleared", 1))  # nor is its opening taken for one that was given up
    end = Script(OK)
    assert run(box, tmp_path, end) == Delivered(1, 0, 0)
    assert end.told() == ["a cleared"]


def test_a_store_that_is_gone_after_the_post_lets_it_be_sent_again(
    box: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue(box, ("a", "opened", 0))

    def gone(*_: object) -> None:
        raise StoreError("gone")

    script = Script(OK)
    with monkeypatch.context() as broken:
        broken.setattr(boxes, "delivered", gone)
        with pytest.raises(StoreError):
            run(box, tmp_path, script)
    assert run(box, tmp_path, script).delivered == 1
    assert script.sent[0][0] == script.sent[1][0]


def test_neither_secret_nor_body_nor_account_is_logged(
    box: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    queue(box, ("the-account", "opened", 0))
    with caplog.at_level(logging.DEBUG):
        run(box, tmp_path, Script(BAD, GONE))
    assert "attempt 1 of message" in caplog.text
    for secret in ("the-account", SECRET.decode(), "example.com", "Fell"):
        assert secret not in caplog.text
