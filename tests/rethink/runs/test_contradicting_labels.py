"""A whole run on images of which one stands in two classes: said at the start, counted apart at the end."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from analysis import frames
from analysis.statistics.cells import summary
from rethink.cli.command_line import main


def test_a_run_that_no_network_can_fit_says_so_once_and_ends_by_contradiction(
    local_ray: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), np.uint8)
    images[8] = images[0]  # the first of class a is the first of class b, too
    for k, image in enumerate(images):
        folder = tmp_path / "data" / ("train" if k < 16 else "test") / ("a" if k < 8 or k >= 18 else "b")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{k:02d}.png")
    data = ["--dataset", "image_folder", "--data-dir", str(tmp_path / "data"), "--image-size", "8"]
    trained = ["--model", "mlp_1x512", "--train-samples", "16", "--label-corruption", "0", "--max-epochs", "40"]
    replicates = ["--replicate", "0", "1"]
    places = ["--storage", str(tmp_path), "--cache-dir", str(tmp_path / "cache"), "--name", "run"]
    with pytest.warns(UserWarning, match="2 of 2 trials can never fit 100%.* best possible train accuracy is 0.9375;"):
        assert main(["run", "label_corruption", *data, *trained, *replicates, *places]) == 0
    assert capsys.readouterr().out.count(": contradiction after 40 epochs, train accuracy 93.8%") == 2
    trials = frames.load(tmp_path / "run").trials
    for trial in trials.to_dict("records"):
        assert (trial["status"], trial["stop_reason"]) == ("censored", "contradiction")
        assert (trial["epochs"], trial["attainable_train_accuracy"]) == (40, 0.9375)
    (cell,) = summary(trials).to_dict("records")
    assert (cell["n"], cell["fitted"], cell["contradicted"]) == (2, 0, 2)
