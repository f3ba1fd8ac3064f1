import json

import numpy as np
import pytest

from tests.training.renewing import NAMES, kernel, rows_of
from training.anchors import LEAST, Anchors, Cell, anchors_from_json, make_anchors
from training.own import own, reference_calendar

STAGES = np.array(["adoption", "onboarding", "renewal"], dtype=object)


def reference(n: int = 1500, seed: int = 0):
    rows = rows_of(n, seed)
    rng = np.random.default_rng(seed)
    accounts = np.array([f"a-{i // 2}" for i in range(n)], dtype=object)  # each on two days
    stages = rng.choice(STAGES, n, p=[0.8, 0.05, 0.15])
    return rows, accounts, stages, rng.random(n) < 0.6


def test_cells_hold_the_means_of_their_rows() -> None:
    rows, accounts, stages, renewed = reference()
    anchors = make_anchors(kernel(), rows, accounts, stages, 90, renewed)
    told = own(kernel(), rows, 90, reference_calendar(kernel(), 90))
    everyone = anchors.cells[-1]
    assert everyone.name == "everyone"
    assert everyone.accounts == 750
    for cell in anchors.cells:
        chosen = np.ones(len(rows), dtype=bool)
        if cell.stage:
            chosen &= stages == cell.stage
        if cell.segment:
            chosen &= (rows["segment"] == cell.segment).to_numpy()
        assert cell.accounts == len(set(accounts[chosen]))
        assert cell.accounts >= LEAST or cell is everyone
        assert list(cell.attributions) == list(NAMES)
        assert list(cell.attributions.values()) == pytest.approx(told.attributions[chosen].mean(axis=0))
        assert cell.calendar == pytest.approx(told.calendar[chosen].mean())
        peers = rows.loc[chosen & renewed, "active_users_28d"]
        assert cell.peers["active_users_28d"] == peers.median()
    assert "segment" not in everyone.peers


def test_small_cells_are_pooled() -> None:
    rows, accounts, stages, renewed = reference()
    anchors = make_anchors(kernel(), rows, accounts, stages, 90, renewed)
    names = [cell.name for cell in anchors.cells]
    assert "smb, adoption" in names
    assert "renewal" in names
    assert "smb, renewal" not in names
    assert "onboarding" not in names
    at = [anchors.cells[anchors.place(*key)].name for key in (("smb", "adoption"), ("smb", "renewal"),
          ("smb", "onboarding"), (None, "adoption"), ("unheard of", None))]  # fmt: skip
    assert at == ["smb, adoption", "smb", "smb", "adoption", "everyone"]


def test_where_few_renewed_the_wider_cell_says_what_they_have() -> None:
    rows, accounts, stages, _ = reference()
    few = np.arange(len(rows)) % 60 == 0
    anchors = make_anchors(kernel(), rows, accounts, stages, 90, few)
    assert not anchors.cells[0].peers  # 25 of everyone
    more = np.arange(len(rows)) % 14 == 0
    anchors = make_anchors(kernel(), rows, accounts, stages, 90, more)
    renewal = anchors.cells[anchors.place(None, "renewal")]
    assert renewal.peers == anchors.cells[-1].peers != {}


def test_they_are_read_as_they_were_written() -> None:
    anchors = make_anchors(kernel(), *reference()[:3], 90)
    assert anchors_from_json(json.loads(json.dumps(anchors.to_json()))) == anchors


@pytest.mark.parametrize("spoil", ["format", "cells", "number", "last", "peers"])
def test_what_is_damaged_is_refused(spoil: str) -> None:
    document = Anchors(90, {}, -1.0, (Cell(None, None, 3, {"a": 0.5}, 0.0),)).to_json()
    match spoil:
        case "format":
            document["format"] = "tenure-anchors-0"
        case "cells":
            del document["cells"]
        case "number":
            document["cells"][0]["attributions"]["a"] = float("nan")
        case "last":
            document["cells"][0]["stage"] = "renewal"
        case "peers":
            document["cells"][0]["peers"] = [1]
    with pytest.raises(ValueError, match="anchors of this model"):
        anchors_from_json(document)
