"""SQL over the frames: examples, formats that lose nothing, and the trap of right-censored trials."""

import io
import json
import signal
import sqlite3
import threading
import time
import warnings

import pandas as pd
import pyarrow as pa
import pytest
from made_runs import make_run, spec, write_trial

from analysis import query as query_module
from analysis.frames import load
from analysis.query import FORMATS, TABLES, ask, encoded, query
from rethink.cli.command_line import main
from rethink.errors import QueryError


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
    sql = "select seed, epochs_to_fit, test_error / 3 as third, started from trials"
    answer, frame = ask(load(run.root), sql), query(load(run.root), sql)
    assert pd.read_parquet(io.BytesIO(encoded(answer, "parquet"))).equals(frame)
    read = pd.read_csv(io.BytesIO(encoded(answer, "csv")))
    assert read["third"].tolist() == frame["third"].tolist()
    assert read["epochs_to_fit"].isna().sum() == 1
    rows = json.loads(encoded(answer, "json"))
    assert [row["third"] for row in rows] == frame["third"].tolist()
    assert [row["epochs_to_fit"] for row in rows] == [10, 14, 20, None]
    assert rows[0]["started"] == "2026-11-23T20:00:00+00:00"
    table = encoded(answer, "table").decode().splitlines()
    assert len(table) == 5
    assert "null" in table[4]


def test_lists_and_structures_are_shown(run):
    answer = ask(load(run.root), "select [1, 2] as list, {'a': 1} as structure, null as nothing")
    assert encoded(answer, "table").decode().split()[-4:] == ["[1", "2]", "{'a':", "1}", "null"][-4:]


def test_a_wrong_query_ends_in_one_line_that_names_the_choices(run):
    with pytest.raises(QueryError, match="epochs_to_fit") as error:
        query(load(run.root), "select epoch_to_fit from trials")
    assert "\n" not in str(error.value)
    with pytest.raises(QueryError, match=r"Did you mean .*trials"):
        query(load(run.root), "select * from trails")


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_csv('{file}')",
        "select content from read_text('{file}')",
        "select content from read_blob('{file}')",
        "select * from '{file}'",
        "select * from sniff_csv('{file}')",
        "select * from glob('{folder}/*')",
        "select * from query('select * from read_csv(''{file}'')')",
        "with made as (copy (select 1) to '{folder}/made.csv') select 1",
        "select * from 's3://bucket/x.parquet'",
        "select * from read_csv('https://example.org/x.csv')",
        "select * from sql",  # variables of the code that asks
        "select * from connection",
        "select * from frames",
        "select * from secret",
        "select getenv('HOME')",
        "select * from enable_logging(storage = 'file', storage_path = '{folder}/log')",
    ],
)
def test_a_query_sees_the_tables_alone(run, tmp_path, monkeypatch, sql):
    monkeypatch.setattr(query_module, "secret", pa.table({"a": ["SECRET"]}), raising=False)
    (tmp_path / "secret.csv").write_text("a,b\nSECRET,1\n")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(QueryError) as error:
        query(load(run.root), sql.format(file=tmp_path / "secret.csv", folder=tmp_path))
    assert "\n" not in str(error.value)
    assert "SECRET" not in str(error.value)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("select 1 as a; select 2 as b", "SELECT, SELECT"),
        ("copy (select 1 as a) to 'run.json'", "COPY"),
        ("attach 'x.duckdb' as x; select 1 as a", "ATTACH, SELECT"),
        ("export database 'x'", "EXPORT"),
        ("set lock_configuration = false", "SET"),
        ("install httpfs", "LOAD"),
        ("update trials set seed = 5", "UPDATE"),
        ("pragma version", "PRAGMA"),
        ("pivot trials on seed using count(*)", "PIVOT needs its values"),
    ],
)
def test_what_is_no_single_select_is_refused_by_its_kind(run, sql, named):
    with pytest.raises(QueryError) as error:
        query(load(run.root), sql)
    assert named in str(error.value)
    assert len(query(load(run.root), "with one as (select 1 as a) select * from one; -- a note")) == 1
    assert query(load(run.root), "from range(3)")["range"].tolist() == [0, 1, 2]


ENDLESS = "with recursive t(x) as (select 1 union all select x + 1 from t) select count(*) from t"


def test_an_endless_query_ends_at_the_limit_of_time_and_at_ctrl_c(run, monkeypatch):
    frames, threads = load(run.root), set(threading.enumerate())
    monkeypatch.setattr(query_module, "_PATIENCE", 60)  # a busy machine may take longer than a user should wait
    monkeypatch.setattr(query_module, "MOST_SECONDS", 0.3)
    with pytest.raises(QueryError, match=r"more than 0.3 seconds"):
        query(frames, ENDLESS)
    monkeypatch.setattr(query_module, "MOST_SECONDS", 3600)
    main_thread = threading.main_thread().ident
    ctrl_c = threading.Timer(0.5, signal.pthread_kill, (main_thread, signal.SIGINT))
    ctrl_c.start()
    with pytest.raises(KeyboardInterrupt):
        query(frames, ENDLESS)
    ctrl_c.join()
    assert set(threading.enumerate()) <= threads, "the query itself has ended"


def test_a_limit_that_is_over_before_the_query_begins_ends_it_all_the_same(run, monkeypatch):
    frames, threads = load(run.root), set(threading.enumerate())
    monkeypatch.setattr(query_module, "_PATIENCE", 60)
    monkeypatch.setattr(query_module, "MOST_SECONDS", 0.0)
    answer = query_module._answer
    monkeypatch.setattr(query_module, "_answer", lambda *asked: (time.sleep(0.3), answer(*asked))[1])
    with pytest.raises(QueryError, match=r"more than 0.0 seconds"):
        query(frames, ENDLESS)
    assert set(threading.enumerate()) <= threads, "the query itself has ended"


def test_a_query_has_so_much_memory_and_so_large_an_answer(run, monkeypatch):
    monkeypatch.setitem(query_module._CLOSED, "memory_limit", "100MB")
    with pytest.raises(QueryError, match="of memory: ask for fewer rows"):
        query(load(run.root), "select * from range(100000000000) order by range desc")
    monkeypatch.setattr(query_module, "MOST_ANSWER_GIGABYTES", 0.001)
    with pytest.raises(QueryError, match=r"the answer is larger than 0.001 GB"):
        query(load(run.root), "select * from range(1000000)")
    assert len(query(load(run.root), "select * from range(100000)")) == 100_000


@pytest.mark.parametrize("value", ["'nan'::double", "'-inf'::double", "[1.0, 'inf'::double]"])
def test_json_never_holds_what_json_has_not(run, value):
    answer = ask(load(run.root), f"select 1 as fine, {value} as odd")
    with pytest.raises(QueryError, match=r"column odd, of type .*, cannot be written as json"):
        encoded(answer, "json")
    for form in ("table", "csv"):
        assert {"nan", "inf", "-inf"} & set(encoded(answer, form).decode().replace("]", " ").replace(",", " ").split())


def test_nan_is_not_null(run):
    answer = ask(load(run.root), "select 'nan'::double as a, null::double as b")
    assert encoded(answer, "csv") == b"a,b\nnan,\n"
    assert encoded(answer, "table").split() == [b"a", b"b", b"nan", b"null"]


def test_a_type_that_a_format_has_not_is_named_with_its_column(run):
    answer = ask(load(run.root), "select 1 as fine, interval 1 day as odd")
    with pytest.raises(QueryError, match="column odd, of type month_day_nano_interval, cannot be written as parquet"):
        encoded(answer, "parquet")
    with pytest.raises(QueryError, match=r"column odd is of type BIT\[\], which no answer can hold"):
        query(load(run.root), "select 1 as fine, ['1010'::bit] as odd")
    infinite = pa.table({"fine": [1], "odd": pa.array([2**31 - 1], pa.date32())})  # DuckDB's 'infinity'::date
    for form in ("table", "csv", "json"):
        with pytest.raises(QueryError, match=rf"column odd, of type .*, cannot be written as {form}"):
            encoded(infinite, form)


def test_large_whole_numbers_and_decimals_keep_every_digit(run):
    numbers = ["170141183460469231731687303715884105727", "18446744073709551615", "9007199254740993"]
    casts = ["hugeint", "ubigint", "bigint"]
    columns = ", ".join(f"{n}::{cast} as {cast}" for n, cast in zip(numbers, casts, strict=True))
    answer = ask(load(run.root), f"select {columns}, 12345678901234567890.12::decimal(38, 2) as decimal")
    for form in ("table", "csv", "json"):
        assert all(number in encoded(answer, form).decode() for number in [*numbers, "12345678901234567890.12"])


@pytest.mark.parametrize("name", ["🦊", "caf\udce9"])  # the second: bytes that are not UTF-8
def test_a_run_of_any_name_is_asked(run, name):
    folder = run.root.rename(run.root.with_name(name))
    (asked,) = set(query(load(folder), "select run from trials")["run"])
    assert asked == name.replace("\udce9", "\\xe9")
    assert all(encoded(ask(load(folder), "select run from trials"), form) for form in FORMATS)


def test_a_query_as_a_locale_without_utf8_hands_it_over(run):
    assert query(load(run.root), "select 'é' as a".encode().decode("ascii", "surrogateescape"))["a"].tolist() == ["é"]
    with pytest.raises(QueryError, match="no UTF-8"):
        query(load(run.root), "select '\udcff' as a")


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
        (["drop view nothing"], b"DROP"),
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
