"""Odd polynomials that drive singular values towards 1: published schedules, design, certified errors."""

from lmo.polynomials.registry import names as names
from lmo.polynomials.registry import schedule as schedule
from lmo.polynomials.schedule import Polynomial as Polynomial
from lmo.polynomials.schedule import Schedule as Schedule
