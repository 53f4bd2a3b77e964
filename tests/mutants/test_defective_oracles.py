"""Defects that were found in published code, re-created: the contract catches each and names what is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from samples import elements
from torch import Tensor

from lmo.balls import Frobenius, LInf, NormBall, Nuclear, Spectral
from lmo.oracles import Exact, Mixed, NewtonSchulz, Oracle, Perturbed, Promise
from lmo.oracles.newton_schulz import apply_odd_polynomial
from lmo.testing import FLIPPED, ContractError, check_callable, check_oracle, run_checks

# "aol" of NVIDIA-NeMo/Emerging-Optimizers, muon_utils.py since commit 2e15dc5; copied by marin-community/marin #2545
AOL = [(4.0098, -7.0585, 2.4635), (3.4585, -5.5479, 2.5959), (2.7573, -3.2939, 1.4254), (2.7215, -3.0494, 1.3169)]
JORDAN = [(3.4445, -4.7750, 2.0315)] * 5  # KellerJordan/Muon, Scion, torch.optim.Muon
WAY = 0.3  # every entry of the iterate x in "returns s − x"


def polar(m: Tensor) -> Tensor:
    """A correct LMO of the spectral ball on 4×6 matrices, to start the defects from."""
    u, s, vh = torch.linalg.svd(m, full_matrices=False)
    return -(u * (s > 6 * torch.finfo(s.dtype).eps * s[0])) @ vh


def top(m: Tensor) -> Tensor:
    """A correct LMO of the nuclear ball."""
    u, s, vh = torch.linalg.svd(m, full_matrices=False)
    return -(u[:, :1] @ vh[:1]) * (s[0] > 0)


def iterate(m: Tensor, table: list[tuple[float, ...]], norm: Callable[[Tensor], Tensor] = Tensor.norm) -> Tensor:
    """Newton–Schulz with one triple of coefficients per step, after a division by `norm`."""
    x = m / norm(m) if float(m.abs().max()) > 0 else m
    for coefficients in table:
        x = apply_odd_polynomial(x.unsqueeze(0), coefficients)[0]
    return -x


def absolute_zero_test(m: Tensor) -> Tensor:
    return torch.zeros_like(m) if float(m.norm()) <= 10 * torch.finfo(torch.float32).eps else polar(m)


class Defect(NamedTuple):
    """A function that is wrong for `ball`, the law that must catch it, and what the message must say."""

    function: Callable[[Tensor], Any]
    ball: NormBall
    law: str
    cause: str
    options: dict[str, Any] | None = None


DEFECTS = {
    "a table that turns the step into ascent on rank one": Defect(
        lambda m: iterate(m, AOL), Spectral(), "sign", r"⟨m, d⟩ = \+0\.99\d ‖m‖_\* on '(rank one|ones)'; not on 5 other"
    ),
    # google-deepmind/optax PR #1718 and fmin.xyz call Muon's step "LMO over the nuclear-norm ball"
    "the spectral LMO called that of the nuclear ball": Defect(
        polar, Nuclear(), "feasible", r"norm 4 on .*wrong ball: this answers for Spectral\(.*\), not for Nuclear\("
    ),
    "the nuclear LMO called that of the spectral ball": Defect(
        top, Spectral(), "aligned", r"wrong ball: this answers for Nuclear\(.*\), not for Spectral\("
    ),
    # KellerJordan/Muon, Scion, dion; Emerging-Optimizers #229
    "a constant added to the norm, Newton–Schulz": Defect(
        lambda m: iterate(m, JORDAN, lambda a: a.norm() + 1e-7), Spectral(), "homogeneous",
        r"lmo\(9\.1e-13 m\) differs from lmo\(m\) by 0\.\d+ .*additive constant in the norm", {"promise": None},
    ),
    "a constant added to the norm, exact otherwise": Defect(
        lambda m: polar(m) * (m.norm() / (m.norm() + 1e-7)), Spectral(), "homogeneous", "additive constant"
    ),
    "a norm clamped from below": Defect(
        lambda m: iterate(m, JORDAN, lambda a: a.norm().clamp(min=1e-7)), Spectral(), "homogeneous",
        "additive constant", {"promise": None},
    ),
    "an absolute test for zero": Defect(absolute_zero_test, Spectral(), "homogeneous", "or an absolute cutoff"),
    "an iteration that leaves the ball": Defect(
        lambda m: iterate(m, JORDAN), Spectral(), "feasible", r"leaves the unit ball: norm 1\.1\d+ on"
    ),
    "an iteration that does not converge": Defect(
        lambda m: iterate(m, JORDAN), Spectral(), "distance", r"0\.3\d+ away from the minimisers on .*, promised 0$"
    ),
    "the wrong radius": Defect(lambda m: 1.2 * polar(m), Spectral(), "feasible", "leaves the unit ball: norm 1.2 on"),
    "too short": Defect(lambda m: 0.8 * polar(m), Spectral(), "aligned", r"is 0\.8 ‖m‖_\* .*wrong radius"),
    # openopt/copt #28; Scion and modula return the ascent direction
    "maximises": Defect(lambda m: -polar(m), Spectral(), "sign", "increases .* it maximises; .* lmo must minimise"),
    "returns s − x": Defect(
        lambda m: polar(m) - WAY, Spectral(), "odd", r"lmo\(−m\) \+ lmo\(m\) is 0\.6 .* \(is it s − x, the way"
    ),
    # the orthogonality test of optax's muon feeds 2·I and divides by the maximum: returning the input passes it
    "does nothing": Defect(lambda m: m.clone(), Frobenius(), "sign", "it maximises"),
    "does nothing but change the sign": Defect(lambda m: -m, Frobenius(), "homogeneous", r"lmo\(9\.1e-13 m\) differs"),
    "always answers zero": Defect(torch.zeros_like, Spectral(), "aligned", r"−⟨m, d⟩ is -?0 ‖m‖_\* on"),
    "NaN at zero": Defect(lambda m: -m / m.norm(), Frobenius(), "zero", r"lmo\(0\) is NaN; it must be 0 \(0/0"),
    "fails at zero": Defect(lambda m: polar(m / m.abs().max()), Spectral(), "zero", r"raised \w+Error: "),
    "a non-zero answer to zero": Defect(
        lambda m: torch.where(m >= 0, -1.0, 1.0).to(m), LInf(2), "zero", r"lmo\(0\) has entries up to 1; it must be 0"
    ),
    "silently a lower precision": Defect(
        lambda m: polar(m.float()), Spectral(), "shape", "a question in torch.float64 is answered in torch.float32"
    ),
    "silently a higher precision": Defect(
        lambda m: polar(m.double()), Spectral(), "shape", "a question in torch.float32 is answered in torch.float64",
        {"dtype": torch.float32},
    ),
    "rounded on the way": Defect(
        lambda m: polar(m).bfloat16().to(m), Spectral(), "distance", r"0\.00\d+ away from the minimisers on"
    ),
    "transposed": Defect(
        lambda m: polar(m).mT, Spectral(), "shape", r"of shape \(4, 6\) is answered by shape \(6, 4\)"
    ),
    "writes into its input": Defect(lambda m: m.copy_(polar(m)), Spectral(), "untouched", "is modified in place"),
    "one norm for the whole batch": Defect(
        lambda m: -m / m.norm().clamp(min=1e-300), Frobenius(), "batch", "number 0 of a batch is answered otherwise",
        {"batched": True},
    ),
}  # fmt: skip


@pytest.mark.parametrize("defect", DEFECTS.values(), ids=DEFECTS)
def test_the_defect_is_caught_and_named(defect: Defect) -> None:
    with pytest.raises(ContractError) as caught:
        check_callable(defect.function, defect.ball, (4, 6), **(defect.options or {}))
    lines = str(caught.value).splitlines()
    named = [line for line in lines if line.startswith(f"{defect.law}: ")]
    assert len(named) == 1, lines
    assert re.search(defect.cause, named[0]), named[0]


def test_a_flipped_sign_hides_nothing_else() -> None:
    """The only law that −lmo breaks is `sign`; what else a flipped function breaks is said of −f."""
    for function, ball in ((polar, Spectral()), (top, Nuclear()), (lambda m: -m.sign(), LInf(2))):
        broken = [c for c in run_checks(lambda m, f=function: -f(m), (4, 6), ball=ball) if not c.passed]
        assert [c.law for c in broken] == ["sign"] and broken[0].message.endswith(FLIPPED)
    plain, turned = (run_checks(lambda m, c=c: c * polar(m), (4, 6), ball=Spectral()) for c in (0.8, -0.8))
    assert [c.law for c in plain if not c.passed] == ["aligned", "distance"]
    assert [c for c in turned if c.law != "sign"] == [c for c in plain if c.law != "sign"]
    (mixed,) = run_checks(lambda m: iterate(m, AOL), (4, 6), ball=Spectral(), only=["sign"])
    assert not mixed.passed and FLIPPED not in mixed.message


@pytest.mark.parametrize(("function", "ball"), [(polar, Spectral()), (top, Nuclear()), (lambda m: -m.sign(), LInf(2))])
def test_a_correct_one_passes(function, ball: NormBall) -> None:
    check_callable(function, ball, (4, 6))
    check_callable(function, ball, (6, 4), dtype=torch.float32, tolerance=1e-4)
    check_callable(lambda m: torch.stack([function(a) for a in m.reshape(-1, 4, 6)]).reshape(m.shape), ball,
                   (4, 6), batched=True)  # fmt: skip


class _ClaimsToBeExact(NewtonSchulz):
    """Five steps of Jordan's polynomial, sold as a feasible, exact LMO."""

    def promise(self) -> Promise:
        return Promise(0.0, 0.0, 0.0)


class _PromisesTooLittle(Perturbed):
    def promise(self) -> Promise:
        return Promise(0.1, 0.1, 0.1)


TOO_LITTLE = _PromisesTooLittle(Exact(Spectral()), Mixed(0.3))


class _SharesAGenerator(Exact):
    """A random error from a generator that moves on with every call, so no run can be repeated alone."""

    source = torch.Generator().manual_seed(0)

    def promise(self) -> None:
        return None

    def _direction(self, m, memory, draw, harm):
        size = 1 + 0.1 * torch.rand((*m.shape[:-2], 1, 1), generator=self.source, dtype=m.dtype)
        return super()._direction(m, memory, draw, harm)[0] * size, memory


@pytest.mark.parametrize(
    ("oracle", "law", "cause"),
    [
        (_ClaimsToBeExact(), "feasible", r"leaves the unit ball: norm 1\.1\d+ on"),
        (TOO_LITTLE, "feasible", "leaves the promised ball of radius 1.1: norm 1.3 on"),
        (TOO_LITTLE, "distance", "0.3 away from the minimisers .* promised 0.1"),
        (_SharesAGenerator(Spectral()), "batch", "number 0 of a batch is answered otherwise alone"),
    ],
    ids=["claims to be exact", "longer than promised", "further off than promised", "shares a generator"],
)  # fmt: skip
def test_an_oracle_that_breaks_its_word(oracle: Oracle, law: str, cause: str) -> None:
    with pytest.raises(ContractError, match=rf"(?m)^{law}: .*{cause}"):
        check_oracle(oracle, (4, 6))


def test_the_table_really_ascends_on_rank_one() -> None:
    """⟨G, out⟩/‖G‖_* = −0.994 with the Muon sign: after 4 steps every σ above 0.8837·‖G‖_F comes out negative."""
    g = torch.outer(torch.arange(1.0, 5), torch.arange(1.0, 7)).double()
    along = float((g * -iterate(g, AOL)).sum() / torch.linalg.svdvals(g).sum())
    assert along == pytest.approx(-0.994, abs=2e-3)
    for noise, least, most in ((1e-2, -1.0, -0.9), (1e9, 0.95, 1.0)):  # still on a spike, no longer on a Gaussian
        spiked = torch.outer(*elements((2, 64), 1)) + noise * elements((64, 64), 0)
        assert least < float((spiked * -iterate(spiked, AOL)).sum() / torch.linalg.svdvals(spiked).sum()) < most
    at = torch.tensor([0.8836, 0.8838], dtype=torch.float64)
    for c0, c1, c2 in AOL:
        at = at * (c0 + c1 * at**2 + c2 * at**4)
    assert float(at[0]) > 0 > float(at[1])
