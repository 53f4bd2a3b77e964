"""Eight of Jordan's steps to reach the tail of the spectrum, two classical ones to settle."""

from lmo.polynomials.schedule import Schedule

_SETTLE = (2.0, -1.5, 0.5)

DEEPSEEK_V4 = Schedule(
    name="deepseek-v4",
    table=((3.4445, -4.7750, 2.0315),) * 8 + (_SETTLE,) * 2,
    tail=_SETTLE,
    converges=True,  # from wherever Jordan's steps leave it, (2, −1.5, 0.5) tends to 1
    source="DeepSeek-V4, arXiv:2606.19348, as in NVIDIA-NeMo/Emerging-Optimizers muon_utils.py",
)
