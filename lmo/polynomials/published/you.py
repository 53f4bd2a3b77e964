"""Five and six steps with a polynomial each, found by optimisation."""

from lmo.polynomials.schedule import Schedule

YOU = Schedule(
    name="you",
    table=(
        (4.0848, -6.8946, 2.9270),
        (3.9505, -6.3029, 2.6377),
        (3.7418, -5.5913, 2.3037),
        (2.8769, -3.1427, 1.2046),
        (2.8366, -3.0525, 1.2012),
    ),
    tail=None,
    converges=False,
    source="J. You (2025), as in NVIDIA-NeMo/Emerging-Optimizers muon_utils.py ('quintic') and microsoft/dion",
)

YOU_6 = Schedule(
    name="you-6",
    table=tuple(
        tuple(c / 1024 for c in row)
        for row in (
            (3955, -8306, 5008),
            (3735, -6681, 3463),
            (3799, -6499, 3211),
            (4019, -6385, 2906),
            (2677, -3029, 1162),
            (2172, -1833, 682),
        )
    ),
    tail=None,
    converges=False,
    source="J. You (2025), as in modula-systems/modula atom.py",
)
