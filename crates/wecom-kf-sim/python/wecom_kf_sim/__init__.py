"""A simulator of WeCom customer service (企业微信「微信客服」) for tests. With pytest, use the fixture `kf_sim`."""

from . import control
from ._people import Customer, Heard, Servicer
from ._program import StartError, program
from ._simulator import Bot, Corp, Fault, Simulator
from ._transport import ControlError

__all__ = [
    "Bot",
    "ControlError",
    "Corp",
    "Customer",
    "Fault",
    "Heard",
    "Servicer",
    "Simulator",
    "StartError",
    "control",
    "program",
]
