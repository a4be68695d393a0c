"""The variants of published experiments use the published settings."""

from sweeps.explicit_regularization import SWEEP as EXPLICIT
from sweeps.imagenet_regularization import SWEEP as IMAGENET


def test_what_the_paper_trains_for_longer_is_random_labels_with_a_crop_or_augmentation() -> None:
    specs = EXPLICIT.specs("paper", {"replicate": [0]})
    longer = [one for one in specs if (one.learning_rate_decay, one.max_epochs) == (0.999, 1000)]
    moved = [one for one in specs if one.label_corruption == 1 and (one.random_crop or one.rotation)]
    assert longer == moved
    assert {(one.random_crop, one.flip, one.rotation) for one in moved} == {(True, False, 0.0), (False, True, 25.0)}
    assert len({(one.model, one.batch_norm) for one in moved}) == 5
    assert {(one.learning_rate_decay, one.max_epochs) for one in specs if one not in moved} == {(0.95, 300)}


def test_imagenets_variants_see_what_the_paper_and_the_original_say() -> None:
    paper, seeds = (IMAGENET.specs(variant, {}) for variant in ("paper", "original-variants"))
    assert [(one.view, one.random_resized_crop, one.flip, one.rotation) for one in paper] == [
        *[("centre", True, True, 0.0)] * 2,
        *[("whole", False, False, 0.0)] * 5,
    ]
    assert {one.auxiliary_weight for one in paper} == {None}
    assert [(one.flip, one.rotation) for one in seeds] == [(False, 0.0), (False, 0.0), (True, 25.0)]
    shared = {(one.view, one.batch_size, one.normalization, one.auxiliary_weight, one.image_size) for one in seeds}
    assert shared == {("whole", 32, "imagenet", 0.0, 299)}
