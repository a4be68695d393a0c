"""What a caption says about repetitions: an interval covers only what was drawn anew."""

import pandas as pd
import pytest

from analysis.captions import replicates


@pytest.mark.parametrize(
    ("seeds", "text"),
    [
        ([(0, 0, 0)], "1 replicate"),
        ([(0, 0, 0), (0, 0, 0)], "1 replicate"),
        ([(0, 0, 0), (1, 1, 1), (2, 2, 2), (1, 1, 1)], "3 replicates"),
        ([(0, 0, 0), (1, 0, 0)], "2 repetitions with one training subset and corruption"),
        ([(0, 0, 0), (1, 1, 0), (2, 1, 0)], "3 repetitions with one corruption"),
        ([(0, 0, 0), (0, 1, 1)], "2 repetitions with one initialization"),
    ],
)
def test_repetitions_are_replicates_only_if_everything_is_drawn_anew(
    seeds: list[tuple[int, int, int]], text: str
) -> None:
    assert replicates(pd.DataFrame(seeds, columns=["seed", "subset_seed", "corruption_seed"])) == text
