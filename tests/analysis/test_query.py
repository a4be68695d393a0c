"""SQL over the frames: the issue's own example, formats that lose nothing, and the trap of right-censored trials."""

import io
import json
import sqlite3
import warnings

import pandas as pd
import pytest
from made_runs import make_run, spec, write_trial

from analysis.frames import load
from analysis.query import FORMATS, TABLES, query
from rethink.cli import main
from rethink.spec import SpecError


@pytest.fixture
def run(tmp_path):
    """Two levels, two seeds each; of the second level one seed has not fitted."""
    specs = [spec(label_corruption=level, seed=seed, max_epochs=30) for level in (0.0, 0.5) for seed in (0, 1)]
    run = make_run(tmp_path / "demo", specs)
    for one, epochs, fit in zip(specs, (10, 14, 20, 30), (10, 14, 20, None), strict=True):
        write_trial(run, one, epochs, fit, test_error=epochs / 100)
    return run


AVERAGE = "select model, level, avg(epochs_to_fit) as epochs from trials group by all order by level"


def test_an_average_by_model_and_level_warns_of_what_it_leaves_out(run):
    with pytest.warns(UserWarning, match="1 of 4 trials have no epochs to fit"):
        answer = query(load(run.root), AVERAGE)
    assert answer.to_dict("list") == {"model": ["mlp_1x512"] * 2, "level": [0.0, 0.5], "epochs": [12.0, 20.0]}


@pytest.mark.parametrize(
    "aggregate", ["AVG( epochs_to_fit )", "count(distinct t.images_to_fit)", "median(t.epochs_to_fit)"]
)
def test_any_aggregate_of_times_to_fit_warns(run, aggregate):
    with pytest.warns(UserWarning, match="1 of 4 trials"):
        query(load(run.root), f"select {aggregate} from trials t")


def test_a_query_that_leaves_nothing_out_is_quiet(run):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        query(load(run.root), "select seed, epochs_to_fit, max(epochs) from trials group by all")
        query(load(run.root), "select km_median from cells")


def test_answers_are_those_of_another_database(run):
    frames = load(run.root)
    database = sqlite3.connect(":memory:")
    for name, frame in (("trials", frames.trials), ("epochs", frames.epochs)):
        frame.drop(columns=[c for c in frame if str(frame[c].dtype).startswith("datetime")]).to_sql(name, database)
    sql = """select t.seed, t.label_corruption, count(*) as n, max(e.train_loss) as loss, t.epochs_to_fit as fit
             from trials t join epochs e on t.spec_id = e.spec_id group by 1, 2, 5 order by 1, 2"""
    expected = database.execute(sql).fetchall()
    rows = query(frames, sql).astype(object).to_numpy().tolist()
    assert [tuple(None if pd.isna(value) else value for value in row) for row in rows] == expected


@pytest.mark.parametrize("name", TABLES)
def test_every_table_can_be_asked_whole(run, name):
    frames = load(run.root)
    answer = query(frames, f"select * from {name}")
    frame = TABLES[name](frames)
    assert [column for column in answer.columns if column != "level"] == list(frame.columns)
    assert len(answer) == len(frame)


def test_whole_numbers_with_nulls_stay_whole_numbers(run):
    answer = query(load(run.root), "select epochs_to_fit from trials order by label_corruption, seed")
    assert answer["epochs_to_fit"].tolist()[:3] == [10, 14, 20]
    assert answer["epochs_to_fit"].dtype == "Int64"
    assert answer["epochs_to_fit"].isna().tolist() == [False, False, False, True]


def test_formats_give_back_what_was_asked(run):
    answer = query(load(run.root), "select seed, epochs_to_fit, test_error / 3 as third, started from trials")
    assert pd.read_parquet(io.BytesIO(FORMATS["parquet"](answer))).equals(answer)
    read = pd.read_csv(io.BytesIO(FORMATS["csv"](answer)))
    assert read["third"].tolist() == answer["third"].tolist()
    assert read["epochs_to_fit"].isna().sum() == 1
    rows = json.loads(FORMATS["json"](answer))
    assert [row["third"] for row in rows] == answer["third"].tolist()
    assert [row["epochs_to_fit"] for row in rows] == [10, 14, 20, None]
    assert rows[0]["started"] == "2026-11-23T20:00:00+00:00"
    table = FORMATS["table"](answer).decode().splitlines()
    assert len(table) == 5
    assert "null" in table[4]


def test_lists_and_structures_are_shown(run):
    answer = query(load(run.root), "select [1, 2] as list, {'a': 1} as structure, null as nothing")
    assert FORMATS["table"](answer).decode().split()[-4:] == ["[1", "2]", "{'a':", "1}", "null"][-4:]


def test_a_wrong_query_ends_in_one_line_that_names_the_choices(run):
    with pytest.raises(SpecError, match="epochs_to_fit") as error:
        query(load(run.root), "select epoch_to_fit from trials")
    assert "\n" not in str(error.value)
    with pytest.raises(SpecError, match=r"Did you mean .*trials"):
        query(load(run.root), "select * from trails")


@pytest.mark.filterwarnings("ignore:.*epochs to fit")
def test_the_command_prints_or_writes(run, tmp_path, capsysbinary):
    root = str(run.root)
    assert main(["query", root, AVERAGE, "--format", "csv"]) == 0
    assert capsysbinary.readouterr().out == b"model,level,epochs\nmlp_1x512,0.0,12.0\nmlp_1x512,0.5,20.0\n"
    assert main(["query", root, AVERAGE, "--format", "json", "--output", str(tmp_path / "a.json")]) == 0
    assert json.loads((tmp_path / "a.json").read_text())[1]["epochs"] == 20
    assert main(["query", root, AVERAGE]) == 0
    assert capsysbinary.readouterr().out.split() == b"model level epochs mlp_1x512 0 12 mlp_1x512 0.5 20".split()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["select modl from trials"], b"model"),
        (["select 1", "--format", "parquet"], b"--output FILE"),
        (["select 1", "--output", "/nowhere/answer.csv"], b"a folder that exists"),
        (["select 1 as a, 2 as a"], b"several columns are named a"),
        (["drop view nothing"], b"nothing"),
        ([""], b"answers with no table"),
        (["select 1", "--format", "xml"], b"table"),
    ],
)
def test_what_the_command_cannot_do_ends_in_one_line(run, arguments, message, capsysbinary):
    with pytest.raises(SystemExit) as exit:
        raise SystemExit(main(["query", str(run.root), *arguments]))
    assert exit.value.code == 2
    error = capsysbinary.readouterr().err
    assert error.count(b"\n") == 1
    assert message in error


def test_the_store_command_says_how_much_is_stored(run, capsys):
    assert main(["store", str(run.root)]) == 0
    assert "4 of 4 trials" in capsys.readouterr().out
