"""docs/dataframes.md is what the code writes."""

from analysis.schema.columns import EPOCHS, TRIALS
from analysis.schema.columns import MEASURES as MEASURES_FRAME
from analysis.schema.document import DOCUMENT, document
from analysis.schema.statistics_columns import STATISTICS
from rethink.records.measures.registry import MEASURES


def test_the_document_is_the_one_that_the_code_writes():
    assert DOCUMENT.read_text() == document(), "run: python -m analysis.schema.document"


def test_every_column_is_described_once():
    for columns in (TRIALS, EPOCHS, MEASURES_FRAME, STATISTICS):
        assert len({column.name for column in columns}) == len(columns)
        assert all(column.meaning for column in columns)


def test_every_measure_is_in_its_document_with_its_equation_and_formula():
    text = " ".join((DOCUMENT.parent / "measures.md").read_text().split())
    assert f": {len(MEASURES)} measures of a trained network" in text
    for measure in MEASURES:
        equation = f"eq. {measure.equation}" if measure.equation else "no equation"
        if not measure.name.endswith("_fft"):  # the same with another norm
            assert f"* `{measure.name}` ({equation}): `{measure.formula}`" in text
