"""Four quintics for input that AOL has scaled: the present table, and the first one, which turns steps into ascent."""

from lmo.polynomials.schedule import Schedule

TURBO_MUON = Schedule(
    name="turbo-muon",
    table=(
        (4.6051, -9.6552, 5.6769),
        (4.7505, -6.0861, 2.1790),
        (2.7763, -2.3190, 0.5523),
        (2.4231, -2.2861, 0.8193),
    ),
    tail=None,
    converges=False,
    source="thib-s/flash-newton-schulz (Turbo-Muon, arXiv:2512.04632); for input scaled by AOL",
)

AOL_BROKEN = Schedule(
    name="aol-broken",
    table=(
        (4.0098, -7.0585, 2.4635),
        (3.4585, -5.5479, 2.5959),
        (2.7573, -3.2939, 1.4254),
        (2.7215, -3.0494, 1.3169),
    ),
    tail=None,
    converges=False,
    source="'aol' in NVIDIA-NeMo/Emerging-Optimizers muon_utils.py, withdrawn by its authors in 2025-09: BROKEN. "
    "p₁(1) = −0.585, so singular values near the scale come out negative and the step ascends; kept as a test",
)
