"""CANS: quintics by Chebyshev alternance, the minimax composition for [10⁻³, 1] without a cushion."""

from lmo.polynomials.schedule import Schedule

CANS = Schedule(
    name="cans",
    table=(
        (8.4703, -25.1081, 18.6293),
        (4.1828, -3.1087, 0.5806),
        (3.9619, -2.9541, 0.5630),
        (3.2866, -2.4647, 0.5074),
        (2.2737, -1.6447, 0.4162),
    ),
    tail=None,
    converges=False,
    source="Grishina, Smirnov, Rakhuba, arXiv:2506.10935, as in NVIDIA-NeMo/Emerging-Optimizers muon_utils.py",
    interval=(1e-3, 1.0),
)
