"""The quintic that most implementations ship."""

from lmo.polynomials.schedule import Schedule

_P = (3.4445, -4.7750, 2.0315)

JORDAN = Schedule(
    name="jordan",
    table=(_P,) * 5,
    tail=_P,
    converges=False,  # p(1) = 0.701: it never settles at 1
    source="K. Jordan et al., Muon (2024); the default of torch.optim.Muon and of Scion",
)
