"""Polar Express: per-step minimax quintics for [10⁻³, 1], and the safety factors under which they are shipped."""

from lmo.polynomials.schedule import Schedule, divided

_RAW = (
    (8.28721201814563, -23.595886519098837, 17.300387312530933),
    (4.107059111542203, -2.9478499167379106, 0.5448431082926601),
    (3.9486908534822946, -2.908902115962949, 0.5518191394370137),
    (3.3184196573706015, -2.488488024314874, 0.51004894012372),
    (2.300652019954817, -1.6689039845747493, 0.4188073119525673),
    (1.891301407787398, -1.2679958271945868, 0.37680408948524835),
    (1.8750014808534479, -1.2500016453999487, 0.3750001645474248),
)
_TAIL = (1.875, -1.25, 0.375)
_SOURCE = "Amsel, Persson, Musco, Gower, arXiv:2505.16932"


def _shipped(name: str, safety: float, every: bool, where: str) -> Schedule:
    """Each polynomial fed s/safety: all of them, or all but the last of eight."""
    first = tuple(divided(p, safety) for p in _RAW)
    tail = divided(_TAIL, safety) if every else _TAIL
    return Schedule(name, first, tail, False, f"{_SOURCE}, with safety factor {safety}: {where}", (1e-3, 1.0))


POLAR_EXPRESS = Schedule("polar-express", _RAW, _TAIL, True, f"{_SOURCE}, the raw table", (1e-3, 1.0))
NEMO = _shipped("polar-express-1.01", 1.01, False, "NVIDIA-NeMo/Emerging-Optimizers and the paper's code")
DION = Schedule(
    name="polar-express-1.02",
    table=(  # the factor was fed back into the design: dividing the raw table by powers of 1.02 gives other numbers
        (8.156554524902461, -22.48329292557795, 15.878769915207462),
        (4.042929935166739, -2.808917465908714, 0.5000178451051316),
        (3.8916678022926607, -2.772484153217685, 0.5060648178503393),
        (3.285753657755655, -2.3681294933425376, 0.46449024233003106),
        (2.3465413258596377, -1.7097828382687081, 0.42323551169305323),
    ),
    tail=None,
    converges=False,
    source=f"{_SOURCE}, with safety factor 1.02: microsoft/dion, KellerJordan/modded-nanogpt",
    interval=(1e-3, 1.0),
)
DAO = _shipped("polar-express-1.05", 1.05, True, "Dao-AILab/gram-newton-schulz, on all steps")
