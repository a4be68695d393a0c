"""Every complexity measure, spelled once: its name, its formula, and what it takes to compute it.

Numbers are equations of Jiang et al. (arXiv 1912.02178). Notation: W_i is the weight of layer i as a matrix (outputs,
inputs · kernel), BatchNorm folded in, and W⁰_i the same as initialized; d layers; w all their weights as one vector, v
weights and biases, ω numbers; m training images; γ the 10th percentile of the margins f(x)_y − max_{j≠y} f(x)_j; ℓ the
cross-entropy. ‖·‖_F is the Frobenius norm, ‖·‖₂ the largest singular value, ‖conv ·‖₂ that of the convolution itself.
"""

from dataclasses import dataclass
from typing import Literal

# weights: nothing else; pass: one over the training set; rows: what training recorded; perturbations: some hundred
# passes over part of the training set; derivatives: one pass with derivatives in the direction of the weights.
Cost = Literal["weights", "pass", "rows", "derivatives", "perturbations"]
EXPENSIVE: tuple[Cost, ...] = ("derivatives", "perturbations")  # left to `rethink measure`


@dataclass(frozen=True)
class Measure:
    """What is known of a measure before it is computed.

    Args:
        name: As `values` of a file and the column `measure` have it.
        equation: Its number in Jiang et al.; empty: it is none of theirs.
        formula: In the notation above.
        cost: What it takes, beside the weights.
        direction: 1 where theory or its authors expect a larger gap with a larger value, -1: a smaller one; 0: nobody
            says.
        is_logarithm: Whether it is the logarithm of what its source defines: products overflow.
    """

    name: str
    equation: str
    formula: str
    cost: Cost
    direction: Literal[-1, 0, 1] = 1
    is_logarithm: bool = False


def _spectral(suffix: str, norm: str) -> tuple[Measure, ...]:
    """The measures of spectral norms, by one of two spectral norms of a convolution."""
    product, ratio = f"Σ ln {norm}²", f"Σ ‖W_i‖_F² / {norm}²"
    return (
        Measure(f"spectral_distance{suffix}", "41", f"Σ {norm.replace('W_i', 'W_i − W⁰_i')}²", "weights"),
        Measure(f"log_spectral_product{suffix}", "32", product, "weights", is_logarithm=True),
        Measure(f"log_spectral_product_over_margin{suffix}", "31", f"{product} − 2 ln γ", "pass", is_logarithm=True),
        Measure(f"spectral_sum{suffix}", "35", f"d (Π {norm}²)^(1/d)", "weights"),
        Measure(f"spectral_sum_over_margin{suffix}", "34", f"d (Π {norm}² / γ²)^(1/d)", "pass"),
        Measure(f"stable_rank_sum{suffix}", "33", ratio, "weights"),
        Measure(f"log_spec_orig_main{suffix}", "30", f"{product} + ln {ratio} − 2 ln γ", "pass", is_logarithm=True),
        Measure(
            f"log_spec_init_main{suffix}",
            "29",
            f"{product} + ln Σ ‖W_i − W⁰_i‖_F² / {norm}² − 2 ln γ",
            "pass",
            is_logarithm=True,
        ),
    )


MEASURES: tuple[Measure, ...] = (
    Measure("parameters", "20", "trainable numbers of the network", "weights"),
    Measure("inverse_margin", "22", "1 / γ²", "pass"),
    Measure("l2_norm", "", "‖w‖₂", "weights"),
    Measure("l2_distance", "", "‖w − w⁰‖₂", "weights"),
    Measure("parameter_norm", "42", "Σ ‖W_i‖_F²", "weights"),
    Measure("distance_from_initialization", "40", "Σ ‖W_i − W⁰_i‖_F²", "weights"),
    Measure("log_frobenius_product", "37", "Σ ln ‖W_i‖_F²", "weights", is_logarithm=True),
    Measure("log_frobenius_product_over_margin", "36", "Σ ln ‖W_i‖_F² − 2 ln γ", "pass", is_logarithm=True),
    Measure("frobenius_sum", "39", "d (Π ‖W_i‖_F²)^(1/d)", "weights"),
    Measure("frobenius_sum_over_margin", "38", "d (Π ‖W_i‖_F² / γ²)^(1/d)", "pass"),
    *_spectral("", "‖W_i‖₂"),
    *_spectral("_fft", "‖conv W_i‖₂"),
    Measure("path_norm", "44", "sum of the logits of an image of ones, all weights and biases squared", "weights"),
    Measure("path_norm_over_margin", "43", "the same / γ²", "pass"),
    Measure("train_confidence", "", "mean over the training set of max softmax f(x)", "pass", direction=0),
    Measure("train_entropy", "", "mean over the training set of the entropy of softmax f(x)", "pass", direction=0),
    Measure("train_cross_entropy", "", "mean over the training set of ℓ", "pass", direction=0),
    Measure(
        "train_calibration_error",
        "",
        "Σ over 15 equal bins of confidence: share of images · abs(accuracy − mean confidence)",
        "pass",
        direction=0,
    ),
    Measure("steps_to_loss", "63", "steps to the first row with a running training loss of at most 0.1", "rows"),
    Measure("steps_between_losses", "64", "steps from there to the first with at most 0.01", "rows"),
    Measure("fisher_rao", "45", "(d + 1)² / m · Σ ⟨v, ∇_v ℓ(f(x), y)⟩²", "derivatives"),
    Measure("flatness", "53", "1 / σ²", "perturbations"),
    Measure("pac_bayes_init", "48", "‖v − v⁰‖² / 4σ² + ln(m / σ) + 10", "perturbations"),
    Measure("pac_bayes_orig", "49", "‖v‖² / 4σ² + ln(m / σ) + 10", "perturbations"),
    Measure("magnitude_flatness", "61", "1 / σ'²", "perturbations"),
    Measure(
        "magnitude_pac_bayes_init",
        "56",
        "¼ Σ_i ln[(ε² + (σ'² + 1) ‖v − v⁰‖² / ω) / (ε² + σ'² (v_i − v⁰_i)²)] + ln(m / σ') + 10",
        "perturbations",
    ),
    Measure(
        "magnitude_pac_bayes_orig",
        "57",
        "¼ Σ_i ln[(ε² + (σ'² + 1) ‖v‖² / ω) / (ε² + σ'² (v_i − v⁰_i)²)] + ln(m / σ') + 10",
        "perturbations",
    ),
)
NAMES: tuple[str, ...] = tuple(measure.name for measure in MEASURES)
QUICK: tuple[str, ...] = tuple(measure.name for measure in MEASURES if measure.cost not in EXPENSIVE)
