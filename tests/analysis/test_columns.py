"""docs/dataframes.md is what the code writes."""

from analysis.schema.columns import EPOCHS, TRIALS
from analysis.schema.document import DOCUMENT, document
from analysis.schema.statistics_columns import STATISTICS


def test_the_document_is_the_one_that_the_code_writes():
    assert DOCUMENT.read_text() == document(), "run: python -m analysis.schema.document"


def test_every_column_is_described_once():
    for columns in (TRIALS, EPOCHS, STATISTICS):
        assert len({column.name for column in columns}) == len(columns)
        assert all(column.meaning for column in columns)
