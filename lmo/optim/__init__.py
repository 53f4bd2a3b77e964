"""torch.optim.Optimizer shells around `lmo.Method`."""

from lmo.optim.lmo import LMO as LMO
from lmo.optim.muon import Muon as Muon
