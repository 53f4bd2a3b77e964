"""Five cubics: two products a step, a deliberately loose result."""

from lmo.polynomials.schedule import Schedule

CUBIC5 = Schedule(
    name="cubic5",
    table=(
        (3.3656576, -3.3420992),
        (2.5744352, -1.4957376),
        (2.5368962, -1.4312570),
        (2.4418906, -1.2764040),
        (2.2230472, -0.9630650),
    ),
    tail=None,
    converges=False,
    source="arXiv:2606.00371, as in NVIDIA-NeMo/Emerging-Optimizers muon_utils.py",
)
